"""Write the pages of docs/ that follow from the code: cli.md, operators.md, edgekit-toml.md, api.md.

`--check` writes nothing and names the pages that are not up to date. `--results FOLDER` writes the README's table of
verdicts from FOLDER/bundle and FOLDER/bundle.report.json, as examples/health_monitoring/demo.sh leaves them in out/.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "scripts")]

from api_page import api_page  # noqa: E402
from near_operator import NEAR_OPERATORS  # noqa: E402
from one_operator import OPERATORS  # noqa: E402

from edgekit import config, config_daily, config_targets, errors  # noqa: E402
from edgekit.bench.measures import EXACT, MEASURES, PAIRED, SHOWN  # noqa: E402
from edgekit.bench.runners.chromium import NETWORKS  # noqa: E402
from edgekit.cli import BROKEN_PIPE, BUG, COMMANDS, INTERRUPTED, Commands  # noqa: E402
from edgekit.formats.tflite_schema import OP_SCHEMAS  # noqa: E402
from edgekit.graph import Graph  # noqa: E402
from edgekit.lowering import LOWERINGS, Lowered, lower  # noqa: E402
from edgekit.lowering.nearness import NEAR  # noqa: E402
from edgekit.plain import read  # noqa: E402
from edgekit.quantization.rules import RULES  # noqa: E402
from edgekit.store import open_bundle  # noqa: E402
from edgekit.verdicts import verdicts  # noqa: E402
from edgekit.verify import Report  # noqa: E402

HEAD = "<!-- Written by scripts/write_docs.py; change the code it reads, then run it again. -->\n"
RESULTS = re.compile(r"(?<=<!-- results -->\n).*?(?=<!-- end of results -->)", re.DOTALL)

#: One command line for each command, run by tests/test_docs.py where model.keras, its data and bundle/ are.
EXAMPLES: Mapping[str, str] = {
    "init": "edgekit init start/ --model model.keras --data calibration.npz",
    "inspect": "edgekit inspect bundle/tflite/model.tflite --json",
    "quantize": "edgekit quantize model.keras --data calibration.npz --out model.tflite --max-drop 1% --report",
    "export": "edgekit export model.keras --data calibration.npz --eval evaluation.npz --to wasm --out small/",
    "verify": "edgekit verify bundle/ --on litert,node --json",
    "serve": "edgekit serve bundle/ --port 0 --check",
    "gallery": "edgekit publish bundle/ --site local --folder shown --force --no-check\nedgekit gallery shown/",
    "ort-config": "edgekit ort-config with_ort/",
    "publish": "edgekit publish bundle/ --site local --dry-run",
    "canary": "edgekit canary promote --name health_monitoring --site my-site",
    "promote": "edgekit publish bundle/ --site local --folder trial --channel preview --force --no-check\n"
    "edgekit promote --site local --folder trial --from preview --no-check",
    "releases": "edgekit publish bundle/ --site local --folder listed --force --no-check\n"
    "edgekit releases --site local --folder listed",
    "rollback": "edgekit publish bundle/ --site local --folder back --force --no-check\n"
    "edgekit publish bundle/ --site local --folder back --channel next --force --no-check\n"
    "edgekit promote --site local --folder back --from next --no-check\n"
    "edgekit rollback --site local --folder back --no-check",
    "prune": "edgekit prune --site local --keep 5 --dry-run",
    "sweep": "edgekit sweep bundle/tflite/model.tflite --data calibration.npz --to tflite --out cells/",
    "run": "edgekit run --dry-run\nedgekit run --site local --channel preview",
    "check": "edgekit check bundle/ --eval evaluation.npz --site local --folder not-yet",
    "check-data": "edgekit check-data calibration.npz --against bundle/",
    "bench run": "edgekit bench bundle/ --on tflite --pairs 2",
    "bench serve": "edgekit bench serve new/ --against bundle/ --lan",
    "bench import": "edgekit bench import client/app/build/integration_response_data.json",
    "bench report": "edgekit bench bundle/ --on tflite --pairs 2\nedgekit bench report",
    "flutter": "edgekit flutter bundle/ --out client/",
}
#: Examples that cannot be run there, and why.
NOT_RUN: Mapping[str, str] = {
    "ort-config": "it needs a bundle with the target ort; docs/onnx.md runs it with one",
    "run": "it needs [run] in edgekit.toml; docs/daily.md has one and runs it",
    "canary": "it needs a site with a canary; tests/test_publish.py has one",
    "bench serve": "it waits for a phone; tests/test_phone_page.py has one",
    "bench import": "it needs a file of a phone; tests/test_bench_import.py makes one",
}

#: What a key of edgekit.toml means, where its line in edgekit/config.py has no comment.
MEANINGS: Mapping[str, str] = {
    "version": "shown to users; raise it with every release",
    "task": "what the model does; its metric is RMSE for regression, top-1 accuracy for classification",
    "column": "the column of the data; in `.npz` files the name in the array `features`",
    "unit": "shown beside the number",
    "kind": "what may be entered",
    "name": "what people and clients call it",
    "seed": "of the split into calibration and evaluation rows",
    "calibration_rows": "at most this many rows set the ranges",
    "layers": 'types for layers by name, such as `"*dense_3*" = "int16"`; the last pattern that fits wins',
    "weights": "`uint8` has a quarter of the bytes and is less exact",
    "shard_bytes": "weights are cut into files of at most this size",
}
CHOICES = {
    "model": config_targets.ORT_MODELS,
    "backend": config_targets.ORT_BACKENDS,
    "task": config.TASKS,
    "kind": config.KINDS,
    "mode": config.RECIPES,
    "weights": config_targets.TFJS_WEIGHTS,
    "PyodideConfig.weights": config_targets.PYODIDE_WEIGHTS,
}


def row(*cells: str) -> str:
    """Return a line of a Markdown table."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def header(*cells: str) -> str:
    """Return the first two lines of a Markdown table."""
    return row(*cells) + "|" + "---|" * len(cells) + "\n"


def cli_page() -> str:
    """Return docs/cli.md: every command with its arguments and options."""
    text = HEAD + "# Commands\n\nEvery command has `--help`. `edgekit --version` prints the version.\n"
    for name, (module, summary) in COMMANDS.items():
        command: click.Command = importlib.import_module(module).command
        if isinstance(command, Commands):
            text += f"\n## edgekit {name}\n\n{summary}\n"
            for part, (of_part, says) in command.rows.items():
                text += section("###", f"{name} {part}", importlib.import_module(of_part).command, says)
        else:
            text += section("##", name, command, summary)
    return text + "\n" + exit_codes()


def section(level: str, name: str, command: click.Command, summary: str) -> str:
    """Return what there is to say of one command."""
    arguments = [p.metavar or str(p.name).upper() for p in arguments_of(command)]
    usage = " ".join(["edgekit", name, *arguments, "[OPTIONS]"])
    text = f"\n{level} edgekit {name}\n\n{summary}\n\n    {usage}\n\n" + header("option", "default", "what it does")
    text += "".join(option_row(p) for p in command.params if isinstance(p, click.Option))
    reason = f"<!-- not run: {NOT_RUN[name]} -->\n" if name in NOT_RUN else ""
    return text + f"\n{reason}```sh\n{EXAMPLES[name]}\n```\n"


def arguments_of(command: click.Command) -> list[click.Argument]:
    """Return the arguments of a command, in order."""
    return [p for p in command.params if isinstance(p, click.Argument)]


def option_row(option: click.Option) -> str:
    """Return an option's line; metavars are written out, since click's own change with its version."""
    value = "" if option.is_flag else option.metavar or option.type.name.upper().replace("INTEGER RANGE", "NUMBER")
    if isinstance(option.type, click.Choice):
        value = "|".join(option.type.choices)
    default = "needed" if option.required else f"`{option.default}`" if option.show_default else ""
    return row(f"`{' '.join([*option.opts, value]).strip()}`", default, option.help or "")


def exit_codes() -> str:
    """Return the table of exit codes."""
    return (
        "## Exit codes\n\n"
        + header("code", "meaning")
        + row("0", "done")
        + row(str(errors.CheckFailed.exit_code), "a check or a gate said no")
        + row(str(errors.InputError.exit_code), "bad input or usage; nothing was written")
        + row(str(errors.NotAvailable.exit_code), "something is missing on this machine")
        + row(str(BUG), "a bug in edgekit; `EDGEKIT_DEBUG=1` prints where")
        + row(str(INTERRUPTED), "interrupted with Ctrl-C")
        + row(str(BROKEN_PIPE), "the reader of the output went away")
        + "\nAn error is one line on stderr. With `--json` it is also the one document on stdout.\n"
    )


def operators_page() -> str:
    """Return docs/operators.md: what quantization and the engine do with each operator."""
    text = HEAD + OPERATORS_INTRO + header("operator", "int8 recipe", "int16 recipe", "wasm kernels")
    for kind in sorted(OP_SCHEMAS):
        rule = RULES.get(kind)
        found = kernels(kind)
        near = {"float32": f" ({bound_of(kind)})"} if kind in NEAR else {}
        takes = "; ".join(f"{d}: {', '.join(names) or 'no step'}{near.get(d, '')}" for d, names in found.items())
        if kind in ("QUANTIZE", "DEQUANTIZE"):
            text += row(f"`{kind}`", "converts", "converts", takes)
        else:
            cells = ("int8", rule.wide) if rule else ("float32", "float32")
            text += row(f"`{kind}`", *cells, takes or "refused")
    return text


OPERATORS_INTRO = """# Operators

The operators that edgekit reads and writes, by their TFLite names. An operator that is not here is read by name, so
that a message can name it, and cannot be exported.

- *int8 recipe*, *int16 recipe*: the type in which it computes on the cheapest and on the most exact rung
  (edgekit/quantization/rules.py). Weights are int8 in both.
- `tflite` takes every row.
- *wasm kernels*: the steps of the engine that compute it, for each type that the engine takes (edgekit/lowering,
  wasm/kernels). "no step" moves no bytes. A bound in brackets is how far each answer may be from the TFLite
  interpreter's (edgekit/lowering/nearness.py; tests/test_near.py holds it): u is 2^-24, x the input, y the answer, w
  and b weights and bias, n the inputs. All others are equal to the interpreter bit for bit: tests/test_engine.py
  holds random graphs to that, of the operator itself or of one that shares its code. A type that is not named is
  refused at export, and so are scales and shapes for which there is no exact kernel; the message says why.
- `tfjs` is made from the source model, so these rows do not concern it.

"""


def bound_of(kind: str) -> str:
    """Return the bound of a near operator as a formula."""
    near = NEAR[kind]
    return f"± {near.units} {'(n + 1) ' if near.per_input else ''}u ({near.of})"


def kernels(kind: str) -> dict[str, list[str]]:
    """Return the engine's steps for an operator by element type, from lowering the graphs that the tests run."""
    if LOWERINGS.get(kind) is LOWERINGS["RESHAPE"]:
        return {"every type": []}
    ends = {f"quantize_f32_{t}" for t in ("s8", "s16")} | {f"dequantize_{t}_f32" for t in ("s8", "s16")}
    found: dict[str, list[str]] = {}
    for dtype, graph in graphs_of(kind):
        try:
            lowered = lower(graph)
        except errors.EdgekitError:  # the interpreter does not have it in this type
            continue
        if isinstance(lowered, Lowered):
            names = {step.operator for step in lowered.plan.steps}
            names = names & ends if kind == "DEQUANTIZE" else names if kind == "QUANTIZE" else names - ends
            prefix = {"QUANTIZE": ("quant", "requant"), "DEQUANTIZE": ("dequant",)}.get(kind, ("",))
            found[dtype] = sorted({*found.get(dtype, []), *(n for n in names if n.startswith(prefix))})
    return found


def graphs_of(kind: str) -> list[tuple[str, Graph]]:
    """Return graphs of one operator: its own vectors, or those of one that is lowered by the same function."""
    vectors = {**OPERATORS, **{(name, "float32"): drawn.make for name, drawn in NEAR_OPERATORS.items()}}
    own = [key for key in vectors if key[0].split()[0] == kind]
    if kind == "DEQUANTIZE":
        own = [("FULLY_CONNECTED", "int8"), ("FULLY_CONNECTED", "int16")]
    alike = [key for key in vectors if LOWERINGS.get(key[0].split()[0]) is LOWERINGS.get(kind, object())]
    made = []
    for name, dtype in own or alike:
        random = np.random.default_rng(0)
        for _ in range(20):  # the kernel depends on the scales
            graph = vectors[name, dtype](random, dtype)
            if not own:
                ops = tuple(replace(op, kind=kind) if op.kind == name.split()[0] else op for op in graph.ops)
                graph = replace(graph, ops=ops)
            made.append((dtype, graph))
    return made


def config_page() -> str:
    """Return docs/edgekit-toml.md: every key, from the dataclasses of edgekit/config.py."""
    text = HEAD + CONFIG_INTRO
    for title, kind in tables():
        about = re.sub(r"^(One )?`[^`]*`( table)?[:,.] *", "", (kind.__doc__ or "").strip())
        about = about[:1].upper() + about[1:] + "\n\n" if about else ""
        text += f"\n## {title}\n\n{about}" + header("key", "type", "default", "what it is")
        for name, annotation, default, comment in fields_of(kind):
            meaning = comment or MEANINGS[name]  # a KeyError here: say what the new key means
            known = CHOICES.get(f"{kind.__name__}.{name}", CHOICES.get(name))
            choices = f": {', '.join(f'`{c}`' for c in known)}" if known else ""
            text += row(f"`{name}`", annotation, default, meaning + choices)
    return text


CONFIG_INTRO = """# edgekit.toml

What you say about a model: its features, outputs, recipe and budgets. edgekit reads `./edgekit.toml`, or the file
given with `--config`. Every key may be left out; an unknown key is an error. `edgekit init` writes a commented file.
"""


def tables() -> list[tuple[str, type]]:
    """Return the tables of the file with their dataclasses, in the order of the page."""
    return [
        ("At the top", config.Config),
        ("[[features]]", config.FeatureConfig),
        ("[[outputs]]", config.OutputConfig),
        ("[[slices]]", config.SliceConfig),
        ("[data]", config.DataConfig),
        ("[recipe]", config.RecipeConfig),
        ("[budgets]", config.BudgetConfig),
        ("[targets.tfjs]", config_targets.TfjsConfig),
        ("[targets.wasm]", config_targets.WasmConfig),
        ("[targets.pyodide]", config_targets.PyodideConfig),
        ("[targets.ort]", config_targets.OrtConfig),
        ("[card]", config.CardConfig),
        ("[gate]", config_daily.GateConfig),
        ("[run]", config_daily.RunConfig),
    ]


def fields_of(kind: type) -> list[tuple[str, str, str, str]]:
    """Return (name, type, default, comment) of the plain keys of a dataclass; tables have a section of their own."""
    found = []
    for line in inspect.getsource(kind).splitlines():
        match = re.match(r"    (\w+): ([^=#]+?)(?: = (.+?))?(?:  # (.*))?$", line)
        if match and "Config" not in match[2]:
            name, annotation, default, comment = match.groups()
            found.append((name, TYPES[annotation], shown(getattr(kind, name, None), default), comment or ""))
    return found


TYPES: Mapping[str, str] = {
    "str": "text",
    "int": "whole number",
    "bool": "true or false",
    "float": "number",
    "tuple[float, float] | None": "[number, number]",
    "tuple[str, ...]": "list of texts",
    "tuple[float, ...]": "list of numbers",
    "Mapping[str, str]": "table of texts",
}


def shown(value: Any, source: str | None) -> str:
    """Return a default as it is written in TOML; a key without one is needed."""
    if source is None:
        return "needed"
    return "" if value in ("", None, ()) else f"`{json.dumps(value)}`"


def results(folder: Path) -> str:
    """Return the README's table of verdicts, from what `edgekit verify` wrote."""
    bundle = open_bundle(folder / "bundle")
    plain = json.loads((folder / "bundle.report.json").read_text(encoding="utf-8"))
    report = read(Report, {key: value for key, value in plain.items() if key != "ok"}, "bundle.report.json")
    if report.bundle_id != bundle.manifest.id:
        raise SystemExit("the report is about another bundle; run edgekit verify again")
    columns, rows = verdicts(report, bundle)
    return header(*columns) + "".join(row(*cells) for cells in rows)


def benchmarks_page() -> str:
    """Return docs/benchmarks.md with its tables of measures and of networks."""
    table = header("measure", "unit", "compared", "what it is")
    for m in MEASURES.values():
        compared = {PAIRED: "in pairs", EXACT: "exactly", SHOWN: "no"}[m.judged]
        table += row(f"`{m.name}`", m.unit, compared, m.meaning)
    lines = header("`--network`", "Mbit/s down", "Mbit/s up", "ms there and back")
    lines += "".join(row(f"`{name}`", *(f"{v:g}" for v in values)) for name, values in NETWORKS.items())
    text = (ROOT / "docs/benchmarks.md").read_text(encoding="utf-8")
    for name, made in (("measures", table), ("networks", lines)):
        text = re.sub(
            f"(?<=<!-- {name} -->\n).*?(?=<!-- end of {name} -->)", lambda _, made=made: made, text, flags=re.DOTALL
        )
    return text


PAGES: Mapping[str, Callable[[], str]] = {
    "docs/cli.md": cli_page,
    "docs/operators.md": operators_page,
    "docs/edgekit-toml.md": config_page,
    "docs/api.md": lambda: HEAD + api_page(),
    "docs/benchmarks.md": benchmarks_page,
}


def main() -> int:
    """Write the pages, or with --check compare; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail where a page is not what the code gives")
    parser.add_argument("--results", type=Path, metavar="FOLDER", help="write the README's table of verdicts")
    options = parser.parse_args()
    if options.results:
        readme = ROOT / "README.md"
        table = results(options.results)
        readme.write_text(RESULTS.sub(lambda _: table, readme.read_text(encoding="utf-8")), encoding="utf-8")
        return 0
    stale = 0
    for name, make in PAGES.items():
        file, text = ROOT / name, make()
        if not options.check:
            file.write_text(text, encoding="utf-8")
        elif not file.is_file() or file.read_text(encoding="utf-8") != text:
            print(f"{name} is not what the code gives; run: python scripts/write_docs.py", file=sys.stderr)
            stale = 1
    return stale


if __name__ == "__main__":
    sys.exit(main())
