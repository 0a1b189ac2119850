"""CLIP score of pictures with texts, by a small CLIP with random weights from a file."""

import csv
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from gan_lab.cli.evaluate import main
from gan_lab.errors import UserError
from gan_lab.metrics.texts import clip_scores

TEXTS = {
    "a/one.png": "a red cat, asleep",
    "a/two.png": "two\u2028dogs",  # with a separator of lines that JSON leaves as it is
    "b/größe.png": "Äpfel " * 100,  # more than the model reads
    "b/four.png": "nothing at all",
}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, list[str]]:
    """The network with its transform, and the options that name it."""
    package = pytest.importorskip("open_clip", reason="open_clip is not installed (extra: features)")
    folder = tmp_path_factory.mktemp("clip")
    vision = {"image_size": 32, "layers": 1, "width": 64, "head_width": 32, "patch_size": 8}
    text = {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1}
    (folder / "reading-clip.json").write_text(json.dumps({"embed_dim": 8, "vision_cfg": vision, "text_cfg": text}))
    package.add_model_config(folder / "reading-clip.json")
    torch.manual_seed(0)
    network, _, transform = package.create_model_and_transforms("reading-clip")
    torch.save(network.state_dict(), folder / "clip.pth")
    chosen = ["features=clip", "features.model=reading-clip", f"features.weights={folder / 'clip.pth'}"]
    return (network.eval(), transform, package.get_tokenizer("reading-clip")), [*chosen, "features.digest=null"]


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    for name in TEXTS:
        path = tmp_path / "pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(path)
    with (tmp_path / "texts.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "file"), *((text, name) for name, text in TEXTS.items())])
    return tmp_path / "pictures"


@pytest.mark.slow
def test_it_is_the_formula_with_open_clips_towers(clip: Any, pictures: Path, tmp_path: Path) -> None:
    """Of a folder, a ZIP, and in any order of the list; each picture with its own text; prefix and weight act."""
    (network, transform, words), chosen = clip
    with torch.no_grad():
        x = network.encode_image(torch.stack([transform(Image.open(pictures / name)) for name in TEXTS]))

        def expected(prefix: str, weight: float) -> list[float]:
            y = network.encode_text(words([prefix + text for text in TEXTS.values()]))
            cosines = (x * y).sum(1) / (x.norm(dim=1) * y.norm(dim=1))
            scores = weight * cosines.clamp(min=0)
            assert 0 < (scores > 0).sum() and len({*scores.tolist()}) > 1
            return [scores.mean().item(), scores.std().item() / 2]

        said = [expected("A photo depicts ", 2.5), expected("", 100)]
    (tmp_path / "texts.jsonl").write_text(
        "\n\n".join(
            json.dumps({"file": name, "text": text}, ensure_ascii=False) for name, text in reversed(TEXTS.items())
        )
    )
    with zipfile.ZipFile(tmp_path / "packed.zip", "w") as packed:
        for name in TEXTS:
            packed.write(pictures / name, name)
    out = tmp_path / "figures.json"
    plain = ["metric.clip_score.weight=100", "metric.clip_score.prefix=null"]
    for place, texts, more, figures in (
        (pictures, "texts.csv", [], said[0]),
        (tmp_path / "packed.zip", "texts.jsonl", [str(pictures)], said[0]),  # beside another set of them
        (pictures, "texts.jsonl", plain, said[1]),
    ):
        options = [*chosen, "metric=clip_score", f"captions={tmp_path / texts}", f"out={out}"]
        assert main([str(place), *more, *options]) == 0
        scores = json.loads(out.read_text())["figures"]
        assert scores.keys() == {str(place), *more} - {*plain}
        for found in scores.values():
            assert [found["clip_score"], found["clip_score/error"]] == pytest.approx(figures, rel=1e-5)


@pytest.mark.parametrize(
    ("rows", "options", "says"),
    [
        ([("file", "text"), ("a/one.png", "x")], [], "has no text for "),
        ([("file", "text"), *TEXTS.items(), ("c.png", "x")], [], "names c.png, which is not among the pictures"),
        ([("file", "text"), *TEXTS.items(), ("a/two.png", "x")], [], "has two rows for a/two.png, with another text"),
        ([("file", "text"), *(TEXTS | {"a/two.png": " "}).items()], [], "has no text for a/two.png"),
        (
            [("file", "label"), *TEXTS.items()],
            [],
            "must have the columns file and text, with one value in each of its rows",
        ),
        ([("file", "text"), ("./a/one.png", "x")], [], "has no text for a/one.png and names ./a/one.png, which is not"),
        (None, ["captions=nowhere.csv"], "nowhere.csv: no such file"),
        (None, ["captions=texts.txt"], "texts.txt: must be a list that ends in .csv or .jsonl"),
        (None, ["captions=null", "against={place}"], "metric=clip_score: needs a text for each picture"),
        (None, [], "metric=clip_score: features=pixels: read no texts; take features=clip"),
        (None, ["metric=kernel"], "captions: acts with metric=clip_score; leave it out"),
        (
            None,
            ["metric=[frechet,clip_score]"],
            r"frechet: of a reference; name it, gan-lab evaluate \S+ against=REFERENCE, or",
        ),
        (None, ["real=2"], "real=2: of a reference"),
        (None, ["{statistics}", "against={place}"], r"captions: say what pictures show, and \S+npz is none of them"),
    ],
)
def test_a_mistake_gets_one_line(
    rows: Any, options: list[str], says: str, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if rows is not None:
        with (tmp_path / "texts.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)
    np.savez(tmp_path / "s.npz", mu=np.zeros(4), sigma=np.eye(4))
    usual = ["features=pixels", "metric=clip_score", f"captions={tmp_path / 'texts.csv'}"]
    given = [option.format(place=pictures, statistics=tmp_path / "s.npz") for option in options]
    stated = {option.partition("=")[0] for option in given}
    places = [word for word in given if "=" not in word] or [str(pictures)]
    own = [*(word for word in given if "=" in word), *(w for w in usual if w.partition("=")[0] not in stated)]
    assert main([*places, *own]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and re.search(says, lines[0]), lines


def test_of_embeddings_of_other_shapes_there_is_none() -> None:
    assert clip_scores(torch.eye(2), -torch.eye(2), 1.0).tolist() == [0.0, 0.0]
    with pytest.raises(UserError, match=r"images \[2, 2\] and texts \[1, 2\]"):
        clip_scores(torch.eye(2), torch.ones(1, 2))
