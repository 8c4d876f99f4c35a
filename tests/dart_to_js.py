"""The arithmetic of the pure-Dart runtime as JavaScript: the same text, token by token.

There is no dart2js to be had here. What it makes of numbers is known: every int and double is a JavaScript number, typed
lists are typed arrays, `+ - * /` are JavaScript's. Kernels are written in a subset in which nothing else happens (no
bitwise operators, which differ), so this translation gives what a web build computes. It knows that subset only: what is
left of Dart in its output does not parse.
"""

from __future__ import annotations

import re
from pathlib import Path

from dart import TEMPLATE

RUNTIME = TEMPLATE / "packages" / "edgekit_client" / "lib" / "src" / "runtime"
TYPE = r"(?:int|double|bool|void|List<int>|PlanStep|DenseRuntime|Region|Int8List|Uint8List|Int16List|Uint16List|Int32List|Float32List|Float64List)"
#: In this order. Each is one construct of the subset.
RULES = (
    (r"//[^\n]*", ""),
    (r"final (_\w+) = (\w+)List\((\d)\);", r"const \1 = new \2Array(\3);"),
    (rf"^{TYPE} (\w+)\(", r"function \1("),  # a function's head
    (rf"([(,]\s*){TYPE} (\w+)(?=[,)])", r"\1\2"),  # its parameters
    (rf"final {TYPE} (\w+) = ", r"const \1 = "),
    (rf"\b{TYPE} (\w+) = ", r"let \1 = "),
    (r"(\w+)\.floor\(\)", r"Math.floor(\1)"),
    (r"(\w+)\.toInt\(\)", r"Math.trunc(\1)"),
    (r"(\w+)\.toDouble\(\)", r"\1"),
    (r"(s\.value\(\d+\)) ~/ (\w+)", r"Math.trunc(\1 / \2)"),
    (r"\[12, 13, 14, 15\]\.every\(\(field\)", "[12, 13, 14, 15].every((field)"),
)
HARNESS = """
class PlanStep {
  constructor(view, at) { this.code = view.getUint32(at, true); this.view = view; this.at = at + 8; }
  value(i) { return this.view.getUint32(this.at + 4 * i, true); }
  integer(i) { return this.view.getInt32(this.at + 4 * i, true); }
  number(i) { return this.view.getFloat32(this.at + 4 * i, true); }
}
const region = (bytes, size) => {
  const buffer = new ArrayBuffer(Math.ceil(size / 8) * 8);
  new Uint8Array(buffer).set(bytes);
  return {
    s8: new Int8Array(buffer), u8: new Uint8Array(buffer), s16: new Int16Array(buffer), u16: new Uint16Array(buffer),
    s32: new Int32Array(buffer), f32: new Float32Array(buffer), f64: new Float64Array(buffer),
  };
};
export function run({ plan, weights, rows }) {
  const view = new DataView(plan.buffer, plan.byteOffset, plan.length);
  const word = (i) => view.getUint32(4 * i, true);
  const [ins, outs, steps] = [word(4), word(5), word(6)];
  const ports = Array.from({ length: ins + outs }, (_, i) => [word(8 + 2 * i) / 4, word(9 + 2 * i)]);
  const on = {
    _weights: region(weights, weights.length), _arena: region([], word(2)),
    _region(value) { return value >= 0x80000000 ? this._weights : this._arena; },
    _at(value, width) { return Math.trunc((value % 0x80000000) / width); },
  };
  return rows.map((row) => {
    let from = 0;
    for (const [at, count] of ports.slice(0, ins)) on._arena.f32.set(row.slice(from, (from += count)), at);
    let at = 4 * (8 + 2 * (ins + outs));
    for (let i = 0; i < steps; i++, at += 8 + 4 * view.getUint32(at + 4, true)) {
      const step = new PlanStep(view, at);
      OPERATORS[step.code](step, on);
    }
    return ports.slice(ins).flatMap(([at, count]) => Array.from(on._arena.f32.subarray(at, at + count)));
  });
}
"""


def section(file: str, name: str) -> str:
    text = (RUNTIME / file).read_text(encoding="utf-8")
    return text[text.index(f"// <{name}>") : text.index(f"// </{name}>")]


def translate(text: str) -> str:
    for pattern, replacement in RULES:
        text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
    # `head => expression;` of a function is a body.
    text = re.sub(
        r"^(function \w+\([^)]*\)) =>(.*?);\n", r"\1 { return (\2); }\n", text, flags=re.MULTILINE | re.DOTALL
    )
    left = re.search(rf"~/|\bfinal\b|\b{TYPE} \w+\b|[^=!<>]>>|<<|[^|]\|[^|]|[^&]&[^&]", text)
    assert left is None, f"outside the subset: {text[max(0, left.start() - 80) : left.end() + 40]}"
    return text


def javascript() -> str:
    """Return a module with `run({plan, weights, rows})`."""
    operators = section("dense_operators.dart", "operators")
    table, functions = operators[: operators.index("};")], operators[operators.index("};") + 2 :]
    rows = re.findall(r"^  (\d+): _Operator\(\d+, (\w+)", table, re.MULTILINE)
    assert len(rows) > 15
    names = ", ".join(f"{code}: {name}" for code, name in rows)
    kernels = translate(section("numbers.dart", "numbers")) + translate(section("kernels.dart", "kernels"))
    return f"{kernels}\n{translate(functions)}\nconst OPERATORS = {{{names}}};\n{HARNESS}"


def write_module(folder: Path) -> Path:
    file = folder / "kernels.mjs"
    file.write_text(javascript(), encoding="utf-8")
    return file
