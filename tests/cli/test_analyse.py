"""`gan-lab analyse`: pictures and a page of a run."""

import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from helpers.configuration import CONF, NARROW, SMALL
from hydra import compose, initialize_config_dir
from PIL import Image

from gan_lab.analysis import ANALYSES
from gan_lab.analysis.page import page
from gan_lab.analysis.subject import Finding
from gan_lab.cli.analyse import Options, main, targets_of
from gan_lab.data.digits import Digits
from gan_lab.data.memory import Held
from gan_lab.experiment.run import play

RUNS = {
    "classes": ["model=mlp", *NARROW["mlp"], "conditioning=concat"],
    "styles": ["model=stylegan2", *NARROW["stylegan2"]],
    "points": ["model=mlp", *NARROW["mlp"], "data=ring"],
    "pictures": ["model=pix2pix", *NARROW["pix2pix"]],
}
QUICK = ["n=40", "features=pixels"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("runs")
    for name, overrides in RUNS.items():
        with initialize_config_dir(str(CONF), version_base="1.3"):
            config = compose("config", [*SMALL, "callbacks.audit=null", "rounds=1", *overrides])
        config.directory = str(directory / name)
        assert play(config, overrides) == 0
    return directory


class Links(HTMLParser):
    """What a page asks for, and its tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.sources += [value or "" for name, value in attrs if name == "src"]


@pytest.mark.slow
def test_all_that_applies_is_drawn(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "pictures"
    assert main([str(runs / "classes"), f"out={out}", *QUICK]) == 0
    assert f"9 pictures and {out / 'index.html'}" in capsys.readouterr().out
    text = (out / "index.html").read_text()
    assert "perplexity 26.3" in text  # (2 * 40 - 1) / 3
    found = Links(text)
    assert found.sources == [f"{name}.png" for name in ANALYSES]
    for source in found.sources:
        with Image.open(out / source) as picture:
            assert min(picture.size) > 150


def test_what_does_not_apply_is_left_out_with_a_reason(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Path(shutil.copytree(runs / "points", tmp_path / "run"))
    assert main([str(run), *QUICK, "what=truncation,spectrum,classes"]) == 0
    said = capsys.readouterr()
    assert "1 pictures" in said.out
    assert "spectrum: left out: needs images" in said.err
    text = (run / "analysis" / "index.html").read_text()
    assert Links(text).sources == ["truncation.png"] and "needs images" in text


@pytest.mark.slow
def test_a_generator_with_styles_is_looked_at_in_w(runs: Path, tmp_path: Path) -> None:
    wanted = "what=interpolation,directions,inversion,truncation"
    picture = tmp_path / "mine.png"
    Image.new("L", (20, 30), 90).save(picture)
    assert main([str(runs / "styles"), *QUICK, wanted, f"out={tmp_path / 'out'}", f"picture={picture}"]) == 0
    text = (tmp_path / "out" / "index.html").read_text()
    for words in (
        "space of styles, w",
        "layers that read w",
        "best w of",
        "the picture",
        "truncated in w",
        "A code has 8 numbers",
    ):
        assert words in text


def test_pictures_of_a_test_set_are_called_unseen() -> None:
    data = Digits((1, 8, 8), 10, 16, seed=0, subset=1700)
    targets, origin = targets_of(Held(data.test(), data), Options(), conditional=True)
    assert origin == "not seen in training"
    assert targets.x.equal(data.unseen(6).x) and targets.y is not None


def test_the_fewest_samples_leave_a_start_for_the_inversion(runs: Path, tmp_path: Path) -> None:
    assert main([str(runs / "classes"), "n=2", "features=pixels", "what=inversion", f"out={tmp_path}"]) == 0
    assert Links((tmp_path / "index.html").read_text()).sources == ["inversion.png"]


@pytest.mark.parametrize(
    ("run", "arguments", "says"),
    [
        ("classes", ["what=spectra"], "what=spectra: no such analysis; did you mean spectrum?"),
        ("classes", ["what=,"], "what=,: no such analysis"),
        ("classes", ["whta=spectrum"], "whta: no such option; did you mean what?"),
        ("classes", ["metric=frechet"], "metric: no such option"),
        ("classes", ["what=spectrum", "picture=x.png"], "picture=x.png: is inverted; add what=inversion"),
        ("classes", ["picture=x.png", "what=inversion"], "picture=x.png"),
        ("classes", ["n=1"], "n=1"),
        ("classes", ["out={run}/config.yaml"], "is a file; name a folder"),
        ("points", ["picture=x.png"], "the run's samples are no pictures"),
        ("pictures", [], "takes a condition that is no class"),
        ("none", [], "no run directory"),
    ],
)
def test_mistakes_are_one_line(
    runs: Path, run: str, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [argument.format(run=runs / run) for argument in arguments]
    quick = [one for one in QUICK if not any(a.startswith(one.partition("=")[0] + "=") for a in given)]
    assert main([str(runs / run), *quick, *given]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and says in lines[0], lines
    assert not (runs / run / "analysis").exists()


def test_a_page_escapes_what_a_stranger_wrote() -> None:
    import torch

    evil = "<script>alert(1)</script>\"'><img src=http://x>"
    finding = Finding(torch.zeros(3, 1, 1, dtype=torch.uint8), evil, [(evil,), (evil,)])
    found = Links(page(evil, {evil: evil}, {"samples": ("samples.png", finding)}, {evil: evil}))
    assert "script" not in found.tags and found.sources == ["samples.png"]
