"""The pages in a real browser: nothing fails or reaches out, all is in view and readable, and names stay text."""

import re
import shutil
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from helpers.run_directories import FIGURES, write_run, write_sweep

from gan_lab.cli.report import gather, report
from gan_lab.evaluation.comparison import Cell, Comparison
from gan_lab.report.comparison import page_of

pytest.importorskip("playwright")
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine (apt-get install chromium)"),
]

# The least contrast of text that is in the page, with the text: WCAG's ratio, against the nearest opaque background.
CONTRAST = """() => {
  const channels = (text) => (text.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
  const linear = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const background = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const found = channels(getComputedStyle(e).backgroundColor);
      if (found.length < 4 || found[3] > 0.99) return found;
    }
    return [255, 255, 255];
  };
  let worst = [99, "nothing"];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement, text = walker.currentNode.textContent.trim();
    if (!text || !element.checkVisibility({ visibilityProperty: true }) || element.closest("script, style")) continue;
    const style = getComputedStyle(element);
    const ink = channels(element.namespaceURI.endsWith("svg") ? style.fill : style.color);
    const [a, b] = [luminance(ink), luminance(background(element))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < worst[0]) worst = [ratio, text.slice(0, 60)];
  }
  return worst;
}"""
LINKS = "all => all.map((e) => e.getAttribute('href') ?? e.getAttribute('xlink:href'))"
HOSTILE = (
    "<script>window.hacked=1</script>",
    "</script><script>window.hacked=1</script>",
    "\"'><img src=x onerror=window.hacked=1>",
    "<a href='javascript:window.hacked=1'>click</a>",
    "{{ 7 * 7 }}{% raw %}%{y}<br><b>bold</b>",
    "<!--<svg onload=window.hacked=1>",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])  # the tests may be root's
        yield started
        started.close()


class Seen:
    """An open page, and what it complained of and asked for."""

    def __init__(self, browser: Any, path: Path, width: int) -> None:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme="light")
        self.page = context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        start = time.perf_counter()
        self.page.goto(path.as_uri())
        self.seconds = time.perf_counter() - start

    def draw_all(self) -> None:
        """Open what is folded, and draw every chart: those in view draw themselves."""
        self.page.evaluate("document.querySelectorAll('details').forEach((e) => { e.open = true })")
        for plot in self.page.query_selector_all(".plot"):
            plot.scroll_into_view_if_needed()
        drawn = "[...document.querySelectorAll('.plot')].every((e) => e.querySelector('.main-svg'))"
        self.page.wait_for_function(drawn, timeout=60_000)


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The page of a run, of a sweep, and the same two of a stranger who means harm."""
    root = tmp_path_factory.mktemp("pages")
    key, figure = "<img src=x onerror=window.hacked=1>", "<b onclick=window.hacked=1>fid"
    words: dict[str, Any] = {"classes": HOSTILE, "own": False, "columns": [*FIGURES[:4], *HOSTILE], "pictures": 1}
    words |= {f"score__{key}__{figure}": 1.0, f"score__{key}__procedure__best/{figure}": "lower"}
    words |= {f"score__{key}__procedure__n": HOSTILE[1], "equilibrium__verdict": HOSTILE[0]}
    words |= {"equilibrium__advice": " ".join(HOSTILE), HOSTILE[2]: 0.5}
    bad = root / f"a{HOSTILE[3]}".replace("/", "\u2044")
    many = root / "many"
    for seed, text in enumerate(HOSTILE):
        write_run(many / f"{seed}", ["optimizer.lr=0.1", f"loss={text}"], seed % 2, **words)
    (many / "fails").mkdir()
    (many / "fails" / "failure.txt").write_text(HOSTILE[0])
    return {
        "run": report([write_run(root / "run")]),
        "sweep": report([write_sweep(root / "sweep", pictures=1)]),
        "hostile run": report([write_run(bad, [f"loss={text}" for text in HOSTILE], **words)]),
        "hostile runs": report([many]),
    }


@pytest.fixture(scope="module")
def opened(browser: Any, paths: dict[str, Path]) -> Callable[[str, int], Seen]:
    """The page of this name at this width, with all charts drawn; opened once, and left as it was by each test."""

    @cache
    def opened(name: str, width: int) -> Seen:
        seen = Seen(browser, paths[name], width)
        seen.draw_all()
        return seen

    return opened


Opened = Callable[[str, int], Seen]


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("name", ["run", "sweep"])
def test_a_page_is_in_view_readable_and_silent_light_and_dark(
    opened: Opened, paths: dict[str, Path], name: str, width: int
) -> None:
    seen = opened(name, width)
    page = seen.page
    papers = set()
    for _ in ("light", "dark"):
        assert page.evaluate("[document.documentElement.scrollWidth, innerWidth]") == [width, width]
        ratio, text = page.evaluate(CONTRAST)
        assert ratio >= 4.5, text
        papers.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        page.click("#theme")
    assert len(papers) == 2
    assert seen.complaints == []
    assert [url for url in seen.requests if not url.startswith("data:")] == [paths[name].as_uri()]
    assert paths[name].stat().st_size < 5_000_000


def test_the_slider_shows_the_samples_of_another_round(opened: Opened) -> None:
    page = opened("run", 390).page
    last = page.get_attribute("#sample", "src")
    assert page.inner_text("#round") == "500"
    page.focus("#at")
    page.keyboard.press("Home")
    assert page.inner_text("#round") == "100" and page.get_attribute("#sample", "src") != last
    page.keyboard.press("End")
    assert page.get_attribute("#sample", "src") == last


def test_a_curve_says_its_value_and_is_zoomed_by_a_drag(opened: Opened) -> None:
    page = opened("run", 1440).page
    plot = page.query_selector(".plot")
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.wait_for_function("document.querySelector('.plot .hoverlayer').childElementCount > 0")
    shown = "document.querySelector('.plot')._fullLayout.xaxis.range"
    before = page.evaluate(shown)
    page.mouse.down()
    page.mouse.move(x + 120, y, steps=4)
    page.mouse.up()
    page.wait_for_function(f"{shown}[0] > {before[0]}")
    after = page.evaluate(shown)
    assert before[0] < after[0] < after[1] < before[1]


def test_a_table_is_sorted_by_any_column_up_and_down(opened: Opened) -> None:
    page = opened("sweep", 1440).page
    for column, head in enumerate(page.query_selector_all("#runs thead th")):
        read = f"rows => rows.map(r => r.cells[{column}].dataset.value ?? r.cells[{column}].innerText)"
        for direction in ("ascending", "descending"):
            head.query_selector("button").click()
            assert head.get_attribute("aria-sort") == direction
            cells = [pieces(text) for text in page.eval_on_selector_all("#runs tbody tr", read) if text]
            assert cells == sorted(cells, reverse=direction == "descending"), head.inner_text()
    assert "the game diverged" in page.inner_text(".bad") and "loss=minimax,seed=99" in page.inner_text("main")


def pieces(text: str) -> list[str | float]:
    """Words and numbers by turns."""
    found = re.split(r"(\d+(?:\.\d+)?)", text)
    return [float(piece) if n % 2 else piece for n, piece in enumerate(found)]


@pytest.mark.parametrize("name", ["hostile run", "hostile runs"])
def test_what_a_stranger_wrote_is_shown_and_does_nothing(opened: Opened, name: str) -> None:
    seen = opened(name, 390)
    page = seen.page
    for plot in page.query_selector_all(".plot")[-2:]:
        plot.hover()
    page.click("#theme")
    assert seen.complaints == []  # not even refused by the policy: it never was code
    assert page.evaluate("window.hacked") is None
    assert page.eval_on_selector_all("script", "all => all.map((e) => e.id)") == [
        "",
        "data",
        "plotly",
        "",
    ]  # Plotly's own
    harmful = "document.evaluate(\"count(//@*[starts-with(name(), 'on')])\", document).numberValue"
    assert page.evaluate(harmful) == 0
    assert page.eval_on_selector_all("a", LINKS) == [link for link in page.eval_on_selector_all("a", LINKS) if not link]
    assert page.eval_on_selector_all("img", "all => all.every((e) => e.src.startsWith('data:image/webp'))")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    shown = page.inner_text("main")
    assert HOSTILE[0] in shown and "{{ 7 * 7 }}" in shown


def test_the_policy_of_a_page_forbids_the_network_and_code_of_others(browser: Any, paths: dict[str, Path]) -> None:
    page = Seen(browser, paths["run"], 390).page
    refused = """() => Promise.all([
      fetch("http://127.0.0.1:9/").then(() => "went", () => "refused"),
      new Promise((done) => {
        document.addEventListener("securitypolicyviolation", (e) => e.blockedURI === "inline" && done("refused"));
        document.body.append(Object.assign(document.createElement("script"), { textContent: "window.hacked = 1" }));
        setTimeout(() => done("ran"), 1000);
      }),
    ])"""
    assert page.evaluate(refused) == ["refused", "refused"]
    assert page.evaluate("window.hacked") is None


def test_a_page_of_two_hundred_runs_opens_soon(browser: Any, paths: dict[str, Path], tmp_path: Path) -> None:
    members, _ = gather([paths["sweep"].parent], {})
    many = [member._replace(label=f"{member.label} {n}") for n in range(17) for member in members][:200]
    cells = [Cell(member.label, "fid", "k", {seed: seed + 1.0 for seed in range(3)}) for member in many]
    path = tmp_path / "page.html"
    page = page_of("many", many, Comparison(cells, {"k": {"best/fid": "lower"}}, []), [], tmp_path)
    path.write_text(page, encoding="utf-8")
    seen = Seen(browser, path, 1440)
    assert seen.page.locator("#runs tbody tr").count() == len(many) == 200
    assert seen.page.locator(".tiles img").count() == 200
    print(f"opened after {seen.seconds:.2f} s")
    assert seen.seconds < 10
