"""The demo page, served to a browser, with what a person does there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgekit.manifest import seal
from edgekit.runtimes.chromium import Browser, Tab
from edgekit.server import Server, site
from edgekit.store import Bundle, entry, write_bundle


class Site(dict[str, Path]):
    """The files of a server, which may be replaced while it runs; remembers what was asked for."""

    def __init__(self, bundle: Bundle) -> None:
        super().__init__(site(bundle))
        self.asked: list[str] = []

    def get(self, path: str, default: Any = None) -> Any:
        self.asked.append(path)
        return super().get(path, default)

    def publish(self, bundle: Bundle) -> None:
        self.update(site(bundle))


@dataclass(frozen=True)
class Demo:
    """The page, opened, and the server behind it."""

    tab: Tab
    url: str
    files: Site

    @property
    def page(self) -> Any:
        return self.tab.page

    def ready(self) -> None:
        """Wait until the model is loaded and its first predictions are made."""
        self.page.wait_for_selector("html[data-state=ready]")
        self.settle()

    def settle(self) -> None:
        """Wait until a changed value was predicted from: that takes one frame, and no network."""
        self.page.evaluate("() => new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)))")

    def open(self) -> None:
        """Open the page, or open it again."""
        self.page.goto(self.url)
        self.ready()

    def kept(self) -> None:
        """Wait until the page says that it can be used offline."""
        self.page.wait_for_selector("#offline:text-is('ready')")

    @contextmanager
    def without_network(self) -> Iterator[None]:
        asked = len(self.files.asked)
        self.page.context.set_offline(True)
        yield
        self.page.context.set_offline(False)
        assert self.files.asked[asked:] == []

    def version(self) -> str:
        return str(self.page.locator("#version").text_content()).split()[0]

    def type(self, field: str, text: str) -> None:
        self.page.fill(field, text)
        self.settle()

    def enter(self, bundle: Bundle, row: list[float]) -> None:
        """Type a row of numbers into the fields."""
        for i, (feature, value) in enumerate(zip(bundle.manifest.features, row, strict=True)):
            if feature.kind == "category":
                self.page.select_option(f"#f{i}", index=round(value - feature.range[0]))
            else:
                self.page.fill(f"#f{i}", f"{value:g}" if value == round(value) else repr(value))
        self.settle()

    def row(self) -> list[float]:
        """Return the numbers that the fields hold."""
        fields = self.page.locator("#fields :is(input[type=number], select)")
        return [float(v) for v in fields.evaluate_all("f => f.map(e => e.valueAsNumber ?? e.selectedIndex)")]

    def shown(self) -> float:
        """Return the prediction; there must be one that a person sees."""
        data = self.page.locator("#results data")
        assert data.is_visible()
        return float(data.get_attribute("value"))


@contextmanager
def opened(browser: Browser, files: Site, *, wait: bool = True, quiet: bool = True, **options: Any) -> Iterator[Demo]:
    """Open the page; at the end it must not have complained, broken its policy, or asked elsewhere."""
    with Server(files) as server, browser.page(server.url, **options) as tab:
        demo = Demo(tab, server.url, files)
        if wait:
            demo.open()
        yield demo
        assert not quiet or tab.complaint() == ""


def variant(bundle: Bundle, out: Path) -> Bundle:
    """Write version 2.0.0 of a bundle, with other weights for WebAssembly in the last shard."""
    manifest = bundle.manifest
    contents = {f.path: bundle.read(f.path) for f in manifest.files()}
    wasm = manifest.targets["wasm"]
    files = []
    for file in wasm.files:
        if file.path == shards_of(bundle)[-1]:
            data = bytes(byte ^ 1 for byte in contents.pop(file.path))
            name = f"{file.path.split('.')[0]}.{entry('', data, '').sha256[:16]}.bin"
            contents[name] = data
            files.append(entry(name, data, "shard", first_step=file.first_step))
        else:
            files.append(file)
    targets = {**manifest.targets, "wasm": replace(wasm, files=tuple(files))}
    return write_bundle(out, seal(replace(manifest, version="2.0.0", targets=targets)), contents)


def shards_of(bundle: Bundle) -> list[str]:
    return [f.path for f in bundle.manifest.targets["wasm"].files if f.role == "shard"]


def corrupt(files: Site, bundle: Bundle, folder: Path) -> str:
    """Serve other bytes, as many, in the place of a shard; return the shard's path."""
    path = shards_of(bundle)[0]
    wrong = folder / "wrong.bin"
    wrong.write_bytes(bytes(byte ^ 1 for byte in bundle.read(path)))
    files[f"/bundle/{path}"] = wrong
    return path
