"""edgekit's engine on two hosts: the browser's own WebAssembly (in Pyodide), and wasmtime (elsewhere).

The places in memory are those of edgekit's browser runtime: above the engine's own data come, each at a multiple of
64, six words that say where the rest is, the plan, the weights, and the arena in which the engine works.
"""

from __future__ import annotations

import importlib
import struct
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

IN_PYODIDE: bool = sys.platform == "emscripten"
MAGIC, ABI = 0x31504B45, 2  # "EKP1"
MODEL_BYTES, PAGE = 32, 65536
NO_HOST = 'a WebAssembly runtime is missing: install "wasmtime" (pip install wasmtime), or run this in Pyodide'


class ModelError(RuntimeError):
    """The model cannot be loaded or run here."""


class Window(Protocol):
    """A place in the engine's memory, for bytes of its size."""

    def put(self, data: bytes) -> None: ...
    def get(self) -> bytes: ...


class Host(Protocol):
    """An instance of a WebAssembly module that imports nothing."""

    name: str

    def call(self, name: str, *values: float) -> int: ...
    def heap(self) -> int: ...
    def reserve(self, size: int) -> None: ...
    def window(self, at: int, size: int) -> Window: ...


class JsWindow:
    """A view of the memory in JavaScript."""

    def __init__(self, view: Any) -> None:
        self._view = view

    def put(self, data: bytes) -> None:
        self._view.assign(data)

    def get(self) -> bytes:
        return bytes(self._view.to_bytes())


class JsHost:
    """WebAssembly of the browser, or of Node, reached from Pyodide."""

    name = "Pyodide"

    def __init__(self, code: bytes) -> None:
        self._js = importlib.import_module("js")
        wasm, to_js = self._js.WebAssembly, importlib.import_module("pyodide.ffi").to_js
        self._exports = wasm.Instance.new(wasm.Module.new(to_js(code))).exports

    def call(self, name: str, *values: float) -> int:
        return int(getattr(self._exports, name)(*values))

    def heap(self) -> int:
        return int(getattr(self._exports, "__heap_base").value)  # a class mangles the plain name

    def reserve(self, size: int) -> None:
        missing = size - self._exports.memory.buffer.byteLength
        if missing > 0:
            self._exports.memory.grow(-(-missing // PAGE))

    def window(self, at: int, size: int) -> JsWindow:
        return JsWindow(self._js.Uint8Array.new(self._exports.memory.buffer, at, size))


class WasmtimeWindow:
    """A part of the memory of an instance in wasmtime."""

    def __init__(self, memory: Any, store: Any, at: int, size: int) -> None:
        self._memory, self._store, self._at, self._end = memory, store, at, at + size

    def put(self, data: bytes) -> None:
        self._memory.write(self._store, data, self._at)

    def get(self) -> bytes:
        return bytes(self._memory.read(self._store, self._at, self._end))


class WasmtimeHost:
    """WebAssembly in wasmtime, reached from CPython."""

    name = "wasmtime"

    def __init__(self, code: bytes) -> None:
        try:
            wasmtime = importlib.import_module("wasmtime")
        except ImportError:
            raise ModelError(NO_HOST) from None
        self._store = wasmtime.Store()
        module = wasmtime.Module(self._store.engine, code)
        exports = wasmtime.Instance(self._store, module, []).exports(self._store)
        self._exports = {name: exports[name] for name in exports}  # each look-up there makes an object

    def call(self, name: str, *values: float) -> int:
        return int(self._exports[name](self._store, *values))

    def heap(self) -> int:
        return int(self._exports["__heap_base"].value(self._store))

    def reserve(self, size: int) -> None:
        missing = size - self._exports["memory"].data_len(self._store)
        if missing > 0:
            self._exports["memory"].grow(self._store, -(-missing // PAGE))

    def window(self, at: int, size: int) -> WasmtimeWindow:
        return WasmtimeWindow(self._exports["memory"], self._store, at, size)


class Engine:
    """A plan and its weights in an engine, ready to run. Raises ModelError for what is no plan of this runtime."""

    def __init__(self, code: bytes, plan: bytes, weights: bytes, ports: tuple[Sequence[int], Sequence[int]]) -> None:
        """Lay out the memory; `ports` are how many float32 each input and each output has."""
        self._steps, arena_bytes, offsets = read_plan(plan, len(weights), ports)
        self._host = _instance(code)
        self.name = self._host.name
        sizes = (MODEL_BYTES, len(plan), len(weights), arena_bytes)
        places, top = [], _aligned(self._host.heap())
        for size in sizes:
            places.append(top)
            top = _aligned(top + size)
        self._model, at_plan, at_weights, arena = places
        try:
            self._host.reserve(top)
        except Exception as error:
            raise ModelError(f"the model needs {-(-top // 2**20)} MB of memory, more than there is here") from error
        words = struct.pack("<6I", at_plan, len(plan), at_weights, len(weights), arena, arena_bytes)
        for at, data in ((self._model, words), (at_plan, plan), (at_weights, weights)):
            if data:
                self._host.window(at, len(data)).put(data)
        if code_said := self._call("ek_check", self._model):
            raise ModelError(f"the plan was refused by the engine (code {code_said}); install the wheel again")
        windows = [self._host.window(arena + at, 4 * n) for at, n in zip(offsets, [*ports[0], *ports[1]], strict=True)]
        self._inputs, self._outputs = windows[: len(ports[0])], windows[len(ports[0]) :]
        self._cuts = [4 * sum(ports[0][:i]) for i in range(len(ports[0]) + 1)]

    def run(self, row: bytes) -> bytes:
        """Predict one row: all inputs, one behind the other, as little-endian float32; so are the outputs."""
        for window, start, end in zip(self._inputs, self._cuts, self._cuts[1:], strict=False):
            window.put(row[start:end])
        if said := self._call("ek_run", self._model, 0, self._steps):
            raise ModelError(f"the engine stopped with code {said}; install the wheel again")
        return b"".join([window.get() for window in self._outputs])

    def _call(self, name: str, *values: int) -> int:
        try:
            return self._host.call(name, *values)
        except Exception as error:  # a trap has another type on every host
            raise ModelError(f"the engine failed while it ran: {str(error).splitlines()[0]}") from error


def read_plan(plan: bytes, weights: int, ports: tuple[Sequence[int], Sequence[int]]) -> tuple[int, int, list[int]]:
    """Return the steps, the bytes of the arena, and the offset of each port; the engine checks the rest."""
    counts = [*ports[0], *ports[1]]
    if len(plan) % 4 or len(plan) < 32 + 8 * len(counts):
        raise ModelError("the plan is too short; install the wheel again")
    magic, abi, arena, wants, n_in, n_out, steps, _ = struct.unpack_from("<8I", plan)
    slots = struct.unpack_from(f"<{2 * len(counts)}I", plan, 32)
    offsets = list(slots[::2])
    fits = all(at % 4 == 0 and at + 4 * n <= arena for at, n in zip(offsets, counts, strict=True))
    if (magic, abi, wants) != (MAGIC, ABI, weights) or (n_in, n_out) != (len(ports[0]), len(ports[1])):
        raise ModelError("the plan is not one for these weights and this runtime; install the wheel again")
    if list(slots[1::2]) != counts or not fits:
        raise ModelError("the plan has other inputs or outputs than model.json; install the wheel again")
    return steps, arena, offsets


def _instance(code: bytes) -> Host:
    try:
        return JsHost(code) if IN_PYODIDE else WasmtimeHost(code)
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"the engine cannot be compiled here: {str(error).splitlines()[0]}") from error


def _aligned(address: int) -> int:
    return -(-address // 64) * 64


# Which builds of the engine compute rightly here. A build is taken for the values that its instructions give, not
# because the host says that it knows them. What each value is for: wasm/js/probe.js of edgekit.

#: (func (param f32 i32) (result i32)): nearest(a) as i16 lanes, times b, summed in pairs: 2 * nearest(a) * b
SIMD_MODULE = bytes.fromhex(
    "0061736d01000000" "010701" "60027d7f017f" "03020100" "07050101660000" "0a20011e01017b"
    "2000fd13" "fd6afdf801" "22022002fd8501" "2001fd10" "fdba01fd1b000b"
)  # fmt: skip
#: (func (param i32 i32 i32) (result i32)): four bytes of a times four of b, added to c by the relaxed dot product
RELAXED_MODULE = bytes.fromhex(
    "0061736d01000000" "010801" "60037f7f7f017f" "03020100" "07050101660000" "0a16011400"
    "2000fd11" "2001fd11" "2002fd11" "fd9302fd1b00" "0b"
)  # fmt: skip
Values = Sequence[tuple[float, ...]]
SIMD_VALUES: Values = ((2.5, -128, -512), (3.5, 127, 1016), (-2.5, 127, -508), (-128.4, -128, 32768))


def _four(*lanes: int) -> int:
    """Return four bytes as the i32 that holds them."""
    return int(struct.unpack("<i", bytes(lane & 255 for lane in lanes))[0])


def _same(byte: int) -> int:
    return _four(byte, byte, byte, byte)


_SUM = (_four(1, 2, 3, 4), _four(5, 6, 7, 8), 1000, 1070)
RELAXED_VALUES: Values = (
    _SUM,
    (_same(1), _same(128), 0, 512),
    (_same(-1), _same(255), 0, -1020),
    (_same(127), _same(255), 0, 129540),
    (_same(-127), _same(255), 0, -129540),
)
SIGNED_VALUES: Values = (
    _SUM,
    (_same(1), _same(128), 0, -512),
    (_same(-1), _same(255), 0, 4),
    (_same(127), _same(128), 0, -65024),
    (_same(-127), _same(128), 0, 65024),
    (_same(127), _same(127), 0, 64516),
)


def gives(module: bytes, values: Values) -> bool:
    """Tell whether a module's function answers with the last number of each row for those before it."""
    try:
        host = _instance(module)
        return all(host.call("f", *given) == answer for *given, answer in values)
    except ModelError as error:
        if str(error) == NO_HOST:
            raise
        return False
    except Exception:  # its instructions trap here
        return False


#: The builds from the fastest to the one that runs anywhere.
BUILDS: Mapping[str, Callable[[], bool]] = {
    "relaxed": lambda: BUILDS["simd"]() and gives(RELAXED_MODULE, RELAXED_VALUES),
    "signed": lambda: BUILDS["simd"]() and gives(RELAXED_MODULE, SIGNED_VALUES),
    "simd": lambda: gives(SIMD_MODULE, SIMD_VALUES),
    "scalar": lambda: True,
}


def choose_build(available: Sequence[str]) -> str:
    """Return the fastest build that computes rightly here."""
    return next(name for name, works in BUILDS.items() if name in available and works())
