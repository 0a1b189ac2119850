"""Pictures of the pages of a run and of a sweep, for the documentation.

    python train.py rounds=1500 callbacks.samples.every=100 hydra.run.dir=RUN_DIR
    python train.py -m seed=0,1,2 loss=hinge,non_saturating optimizer.lr=1e-3,2e-4 data=ring model=mlp \
        'model.hidden=[32]' rounds=300 callbacks.audit.n=200 hydra.sweep.dir=SWEEP_DIR
    gan-lab report RUN_DIR; gan-lab report SWEEP_DIR
    python benchmarks/screens.py RUN_DIR SWEEP_DIR docs

Needs Chromium, and `pip install playwright` to drive it.
"""

import shutil
import sys
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

COLOURS = 128


def main(run: str, sweep: str, out: str) -> None:
    browser_of_this_machine = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_of_this_machine, args=["--no-sandbox"])
        shoot(browser, Path(run), Path(out) / "screen_run.png", 1200, 1000, "light", ".verdict")
        shoot(browser, Path(run), Path(out) / "screen_curves.png", 1200, 760, "light", ".charts")
        shoot(browser, Path(run), Path(out) / "screen_phone.png", 390, 844, "dark", ".verdict")
        shoot(browser, Path(sweep), Path(out) / "screen_sweep.png", 1200, 1000, "light", "#configurations")
        browser.close()


def shoot(browser: Any, run: Path, out: Path, width: int, height: int, scheme: str, first: str) -> None:
    """What is in view when the section of the element `first` is at the top."""
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    page.goto((run / "report.html").resolve().as_uri())
    page.wait_for_function("window.Plotly !== undefined")
    page.evaluate("(place) => document.querySelector(place).closest('section').scrollIntoView()", first)
    page.wait_for_timeout(2000)
    page.screenshot(path=out)
    page.close()
    with Image.open(out) as picture:
        picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(out, optimize=True)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
