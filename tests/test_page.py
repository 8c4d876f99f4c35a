"""The demo page in a real browser: what it shows is what Python says, for everyone, and without a network."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from demo_page import Demo, Site, corrupt, opened, shard_of, variant

from edgekit.manifest import seal
from edgekit.runtimes.chromium import Browser
from edgekit.runtimes.litert import Interpreter
from edgekit.store import Bundle, write_bundle

expect = pytest.importorskip("playwright.sync_api").expect

BMI, SEX = "#f2", "#f1"
SIZES = [(360, 740), (390, 844), (768, 1024), (1280, 900)]
SCHEMES = ["light", "dark"]
PAGE = {"/", *(f"/{name}" for name in ("page.css", "page.js", "form.js", "offline.js", "icon.svg", "app.webmanifest"))}


def python_says(bundle: Bundle, row: list[float]) -> float:
    answer = Interpreter(bundle.read("tflite/model.tflite")).run(np.array([row], np.float32))
    return float(answer[0, 0])


def golden(bundle: Bundle, count: int) -> list[tuple[list[float], float]]:
    """Return rows that the page takes, each with the float model's answer."""
    stored = json.loads(bundle.read("golden.json"))
    rows = list(zip(stored["inputs"], stored["float"], strict=True))

    def taken(row: list[float]) -> bool:
        return all(
            f.range[0] <= v <= f.range[1] and (f.kind == "number" or v == round(v))
            for f, v in zip(bundle.manifest.features, row, strict=True)
        )

    good = [(row, float(answer[0])) for row, answer in rows if taken(row)]
    assert len(good) >= count
    return good[:count]


def test_only_what_is_needed_is_fetched(browser: Browser, bundle: Bundle) -> None:
    files = Site(bundle)
    with opened(browser, files, wait=False) as demo:
        held: list[Any] = []

        def hold(route: Any) -> None:
            held.append(route)

        demo.page.route("**/bundle/wasm/**", hold)
        with demo.page.expect_request("**/bundle/wasm/**"):
            demo.page.goto(demo.url)
        demo.page.wait_for_timeout(200)
        needed = {"/bundle/runtime/edgekit.js", "/bundle/manifest.json"}
        assert needed <= set(files.asked) <= PAGE | needed
        for route in held:
            route.continue_()
        demo.ready()
        model = [path.removeprefix("/bundle/") for path in files.asked if "/wasm/" in path]
        engine, *others = sorted(model)
        assert engine in ("wasm/engine-relaxed.wasm", "wasm/engine-simd.wasm")  # as the processor fits
        assert others == ["wasm/plan.bin", shard_of(bundle)]
        assert not [path for path in files.asked if "tf" in path]


def test_the_prediction_is_that_of_python(browser: Browser, bundle: Bundle) -> None:
    with opened(browser, Site(bundle)) as demo:
        assert demo.shown() == python_says(bundle, demo.row())
        for row, _ in golden(bundle, 4):
            demo.enter(bundle, row)
            assert demo.row() == row
            assert demo.shown() == python_says(bundle, row)
        before = demo.shown()
        demo.type(BMI, "41.7")
        assert demo.shown() != before
        assert demo.shown() == python_says(bundle, demo.row())
        data = demo.page.locator("#results data")
        assert float(data.text_content()) == pytest.approx(demo.shown(), abs=0.05)
        expect(demo.page.locator("#announcer")).to_have_text(f"disease progression {data.text_content()} points")


def test_the_target_can_be_switched(browser: Browser, bundle: Bundle) -> None:
    bound = bundle.manifest.targets["tfjs"].bound
    assert bound is not None
    with opened(browser, Site(bundle)) as demo:
        demo.page.get_by_label("TensorFlow.js").check()
        expect(demo.page.locator("#engine")).to_have_text("TensorFlow.js, cpu")
        assert "/bundle/tfjs/tf.js" in demo.files.asked
        for row, answer in golden(bundle, 4):
            demo.enter(bundle, row)
            assert abs(demo.shown() - answer) <= bound
        demo.page.get_by_label("WebAssembly").check()
        expect(demo.page.locator("#engine")).to_have_text(re.compile("^WebAssembly, (relaxed|simd)$"))
        demo.ready()
        assert demo.row() == row
        assert demo.shown() == python_says(bundle, row)


def test_a_category_is_chosen_by_its_name(browser: Browser, bundle: Bundle) -> None:
    with opened(browser, Site(bundle)) as demo:
        shown = []
        for place, label in enumerate(("group 1", "group 2")):
            demo.page.get_by_label("Sex").select_option(label)
            demo.settle()
            assert demo.row()[1] == place
            assert demo.shown() == python_says(bundle, demo.row())
            shown.append(demo.shown())
        assert shown[0] != shown[1]


@pytest.mark.parametrize(
    ("key", "times", "change"),
    [
        pytest.param("ArrowRight", 10, 1.0, id="steps up"),
        pytest.param("ArrowDown", 10, -1.0, id="steps down"),
        pytest.param("PageUp", 1, 2.4, id="a tenth of the range, on a step"),
        pytest.param("Home", 1, -8.4, id="the lower end"),
    ],
)
def test_a_slider_moves_by_keys(browser: Browser, bundle: Bundle, key: str, times: int, change: float) -> None:
    with opened(browser, Site(bundle)) as demo:
        demo.type(BMI, "26.4")
        before = demo.shown()
        demo.page.keyboard.press("Tab")
        assert demo.page.evaluate("document.activeElement.ariaLabel") == "Body mass index, slider"
        for _ in range(times):
            demo.page.keyboard.press(key)
        demo.settle()
        assert demo.row()[2] == pytest.approx(26.4 + change)
        assert demo.shown() != before
        assert demo.shown() == python_says(bundle, demo.row())


def test_focus_is_seen_at_every_stop(browser: Browser, bundle: Bundle) -> None:
    with opened(browser, Site(bundle), viewport={"width": 390, "height": 844}) as demo:
        page, stops = demo.page, 0
        while stops < 100:
            page.keyboard.press("Tab")
            focus = page.evaluate(
                """() => { const e = document.activeElement; if (e === document.body) return null;
                const { left, right, top, bottom } = e.getBoundingClientRect();
                const bar = document.querySelector('.result').getBoundingClientRect().top;
                return { what: e.outerHTML, left, right, top, bottom, bar: e.form ? bar : innerHeight }; }"""
            )
            if focus is None:
                break
            stops += 1
            assert focus["top"] >= 0 and focus["bottom"] <= focus["bar"], f"lies under the result: {focus['what']}"
            clip = {"x": max(focus["left"] - 6, 0), "y": max(focus["top"] - 6, 0)}
            clip |= {"width": focus["right"] - focus["left"] + 12, "height": focus["bottom"] - focus["top"] + 12}
            focused = page.screenshot(clip=clip)
            page.evaluate("document.activeElement.blur()")  # the next Tab goes on from here
            assert page.screenshot(clip=clip) != focused, f"looks the same with focus: {focus['what']}"
        numbers = len(bundle.manifest.features) - 1
        assert stops == 1 + 2 * numbers + 1 + 1  # the button, number and slider each, the category, the targets


@pytest.mark.parametrize(
    ("field", "typed", "advice", "note"),
    [
        pytest.param(BMI, "99", "Needs a number from 18 to 42.2", "Correct body mass index", id="above the range"),
        pytest.param(BMI, "-1e99", "Needs a number from 18 to 42.2", "Correct body mass index", id="no float32"),
        pytest.param(BMI, "", "Needs a number from 18 to 42.2", "Correct body mass index", id="empty"),
        pytest.param("#f0", "50.5", "Needs a whole number from 19 to 79", "Correct age", id="half a year"),
    ],
)
def test_a_wrong_value_has_an_error_and_no_prediction(
    browser: Browser, bundle: Bundle, field: str, typed: str, advice: str, note: str
) -> None:
    with opened(browser, Site(bundle)) as demo:
        control, other = demo.page.locator(field), demo.page.locator("#f6")
        data, shown = demo.page.locator("#results data"), demo.page.locator("#note")
        right = control.input_value()
        before = demo.shown()
        demo.type(field, typed)
        expect(control).to_have_attribute("aria-invalid", "true")
        expect(control).to_have_accessible_description(re.compile(f"{advice}$"))
        expect(demo.page.get_by_text(advice, exact=True)).to_be_visible()
        expect(other).to_have_attribute("aria-invalid", "false")
        expect(data).to_be_hidden()
        expect(shown).to_have_text(note)
        demo.type("#f6", "1000")
        expect(shown).to_have_text("Correct 2 values")
        demo.page.get_by_role("button", name="Typical values").click()
        demo.settle()
        assert (control.input_value(), demo.shown()) == (right, before)
        expect(control).to_have_attribute("aria-invalid", "false")
        expect(shown).to_have_text("")


def test_a_model_without_named_features_takes_a_list(browser: Browser, bundle: Bundle, tmp_path: Path) -> None:
    contents = {f.path: bundle.read(f.path) for f in bundle.manifest.files()}
    unnamed = write_bundle(tmp_path / "b", seal(replace(bundle.manifest, features=())), contents)
    row, _ = golden(bundle, 1)[0]
    with opened(browser, Site(unnamed)) as demo:
        assert demo.shown() == python_says(bundle, [0.0] * len(row))
        box = demo.page.get_by_label("10 numbers")
        demo.type("#flat", ", ".join(map(repr, row)))
        assert demo.shown() == python_says(bundle, row)
        demo.type("#flat", "1 2")
        expect(box).to_have_accessible_description(re.compile(r"The input must have 10 numbers, not 2\.$"))
        expect(box).to_have_attribute("aria-invalid", "true")
        expect(demo.page.locator("#results data")).to_be_hidden()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("size", SIZES, ids=lambda s: "x".join(map(str, s)))
def test_nothing_overflows_or_jumps(browser: Browser, bundle: Bundle, size: tuple[int, int], scheme: str) -> None:
    view = {"width": size[0], "height": size[1]}
    with opened(browser, Site(bundle), wait=False, viewport=view, color_scheme=scheme) as demo:
        demo.page.add_init_script(
            """globalThis.shift = 0;
            new PerformanceObserver((list) => { for (const { value } of list.getEntries()) globalThis.shift += value; })
                .observe({ type: 'layout-shift', buffered: true });"""
        )
        demo.open()
        demo.page.wait_for_timeout(50)
        assert demo.page.evaluate("globalThis.shift") < 0.1
        for text in ("30", "99"):  # with a prediction, and with an error in its place
            demo.type(BMI, text)
            assert demo.page.evaluate("document.documentElement.scrollWidth") == size[0]
            cut = "e => e.filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.outerHTML)"
            assert demo.page.locator(".card, .inputs, .field, label, dd").evaluate_all(cut) == []
        assert demo.page.evaluate("globalThis.shift") < 0.1


def test_everything_has_a_name(browser: Browser, bundle: Bundle) -> None:
    nameless = """all => all.filter(e => !(e.ariaLabel ?? e.labels?.[0]?.textContent ?? e.textContent).trim())
        .map(e => e.outerHTML)"""
    with opened(browser, Site(bundle)) as demo:
        page = demo.page
        controls = page.locator("input, select, textarea, progress, button:visible")
        assert controls.count() >= 2 * len(bundle.manifest.features)
        assert controls.evaluate_all(nameless) == []
        expect(page.get_by_label("Body mass index kg/m²")).to_have_id("f2")
        assert page.locator("h1").all_text_contents() == ["Health monitoring"]
        assert page.locator("h2").all_text_contents() == ["Inputs", "Disease progression", "How it runs"]
        assert page.title() == "Health monitoring"
        assert page.locator("html").get_attribute("lang") == "en"
        ids = page.locator("[id]").evaluate_all("all => all.map(e => e.id)")
        assert len(ids) == len(set(ids))


TEXTS = """all => all
    .filter(e => e.checkVisibility({ visibilityProperty: true }) && !e.closest('.hidden, option'))
    .filter(e => e.matches('input[type=number], select') || [...e.childNodes].some(n => n.nodeType === 3 && /\\S/.test(n.data)))
    .map(e => { let under = e;
        while (getComputedStyle(under).backgroundColor === 'rgba(0, 0, 0, 0)') under = under.parentElement;
        return [e.outerHTML, getComputedStyle(e).color, getComputedStyle(under).backgroundColor]; })"""


def luminance(colour: str) -> float:
    """Return the relative luminance of WCAG 2 of "rgb(r, g, b)"; another form is a ValueError."""
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_text_can_be_read(browser: Browser, bundle: Bundle, scheme: str) -> None:
    with opened(browser, Site(bundle), color_scheme=scheme) as demo:
        texts = demo.page.locator("body *").evaluate_all(TEXTS)
        demo.type(BMI, "99")
        texts += demo.page.locator(".error, #note").evaluate_all(TEXTS)
        assert len(texts) > 50
        for what, *colours in texts:
            dark, light = sorted(map(luminance, colours))
            assert (light + 0.05) / (dark + 0.05) >= 4.5, f"{what}: {colours}"


@pytest.mark.parametrize("has_cache", [pytest.param(True, id="usual"), pytest.param(False, id="HTTP cache off")])
def test_it_works_offline_until_a_new_version_comes(
    browser: Browser, bundle: Bundle, tmp_path: Path, has_cache: bool
) -> None:
    new = variant(bundle, tmp_path / "new")
    with opened(browser, Site(bundle), wait=False, service_workers="allow") as demo:
        if has_cache:  # the driver turns it off where it watches requests, as developer tools can
            demo.page.context.unroute_all()
        demo.open()
        demo.kept()
        first = demo.shown()
        with demo.without_network():
            demo.open()
            assert (demo.version(), demo.shown()) == (bundle.manifest.version, first)
        demo.files.publish(new)
        demo.files.asked.clear()
        demo.open()
        assert (demo.version(), demo.shown() != first) == ("2.0.0", True)
        if has_cache:  # what did not change is not fetched again
            assert [path for path in demo.files.asked if "/wasm/" in path] == [f"/bundle/{shard_of(new)}"]
        second = demo.shown()
        demo.kept()
        with demo.without_network():
            demo.open()
            assert (demo.version(), demo.shown()) == ("2.0.0", second)


def fails_with(demo: Demo, act: Callable[[], object], message: str) -> None:
    act()
    demo.page.wait_for_selector("html[data-state=failed]")
    expect(demo.page.locator("#note")).to_have_text(message)
    expect(demo.page.locator("#results data")).to_be_hidden()


def test_a_corrupt_file_is_named_and_not_used(browser: Browser, bundle: Bundle, tmp_path: Path) -> None:
    new = variant(bundle, tmp_path / "new")
    with opened(browser, Site(bundle), wait=False, service_workers="allow") as demo:
        path = corrupt(demo.files, bundle, tmp_path)
        message = "{} does not match its sha256 in the manifest; load the page again or publish the bundle again."
        fails_with(demo, lambda: demo.page.goto(demo.url), message.format(path))
        demo.files.publish(bundle)
        demo.page.get_by_role("button", name="Try again").click()
        demo.ready()
        first = demo.shown()
        demo.kept()
        demo.files.publish(new)
        path = corrupt(demo.files, new, tmp_path)
        fails_with(demo, demo.page.reload, message.format(path))
        with demo.without_network():  # the whole version before is still there
            demo.open()
            assert (demo.version(), demo.shown()) == (bundle.manifest.version, first)


def test_a_target_that_fails_leaves_no_old_prediction(browser: Browser, bundle: Bundle, tmp_path: Path) -> None:
    with opened(browser, Site(bundle)) as demo:
        before = demo.shown()
        path = "tfjs/model.json"
        demo.files[f"/bundle/{path}"] = tmp_path / "gone"
        radio = demo.page.get_by_label("TensorFlow.js")
        fails_with(demo, radio.check, f"{path} could not be fetched: the server answered 404.")
        demo.tab.complaints.clear()  # the browser's own, about the 404
        demo.page.get_by_label("WebAssembly").check()
        demo.ready()
        assert demo.shown() == before
