"""The FID's network with weights from a file, beside torch-fidelity with the same file and pictures."""

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from gan_lab.cli.evaluate import main

torch_fidelity = pytest.importorskip("torch_fidelity", reason="torch-fidelity is not installed (extra: inception)")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random ones of the network, of which some is left in its last layer."""
    import torch_fidelity.feature_extractor_inceptionv3 as theirs

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(theirs, "load_state_dict_from_url", lambda *_, **__: {})
        patch.setattr(theirs.FeatureExtractorInceptionV3, "load_state_dict", lambda *_: None)
        network: Any = theirs.FeatureExtractorInceptionV3("inception", ["2048"])
    drawn = torch.Generator().manual_seed(0)
    for weight in network.parameters():
        if weight.ndim > 1:
            weight.data.normal_(0, math.sqrt(2 / weight[0].numel()), generator=drawn)
    path = tmp_path_factory.mktemp("weights") / "inception.pth"
    torch.save(network.state_dict(), path)
    return path


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def pictures(folder: Path, seed: int, n: int) -> Path:
    folder.mkdir()
    rng = np.random.default_rng(seed)
    for i in range(n):
        coarse = rng.integers(0, 256 - 40 * seed, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((20, 16), Image.Resampling.BICUBIC).save(folder / f"{i}.png")
    return folder


@pytest.mark.slow
def test_the_frechet_distance_is_that_of_torch_fidelity(weights: Path, tmp_path: Path) -> None:
    a, b, out = pictures(tmp_path / "a", 1, 12), pictures(tmp_path / "b", 2, 10), tmp_path / "figures.json"
    options = ["features=inception", f"features.weights={weights}", f"features.digest={digest(weights)}"]
    assert main([str(a), str(b), "metric=frechet", f"out={out}", *options]) == 0
    found = json.loads(out.read_text())
    assert found["features"].startswith(f"inception {digest(weights)}, bilinear of TensorFlow 1")
    theirs = torch_fidelity.calculate_metrics(
        input1=str(a), input2=str(b), fid=True, cuda=False, cache=False, verbose=False,
        feature_extractor_weights_path=str(weights),
    )  # fmt: skip
    print(found["figures"][str(a)]["frechet"], theirs)
    assert found["figures"][str(a)]["frechet"] == pytest.approx(theirs["frechet_inception_distance"], rel=1e-5)


def test_weights_that_are_not_the_published_ones_are_refused(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By their digest; and a file that could run code, even where its digest is stated."""
    a, b = pictures(tmp_path / "a", 1, 2), pictures(tmp_path / "b", 2, 2)
    torch.save({"w": print}, tmp_path / "code.pth")
    (tmp_path / "short.pth").write_bytes(b"nothing")
    torch.save({"w": torch.zeros(2)}, tmp_path / "others.pth")
    for options, says in (
        ([f"features.weights={weights}"], f"its SHA-256 begins with {digest(weights)[:8]}, not with 6726825d; take"),
        (["features.weights=nowhere.pth"], "features.weights=nowhere.pth: no such file"),
        (["features.digest=abc"], "features.digest=abc: is of a file; name it, features.weights=FILE"),
        (_stated(tmp_path / "code.pth"), "code.pth: is no file of weights alone, and could run code"),
        (_stated(tmp_path / "short.pth"), "short.pth: is no file of weights alone, and could run code"),
        (_stated(tmp_path / "others.pth"), "others.pth: not the weights of this network"),
    ):
        assert main([str(a), str(b), "metric=frechet", "features=inception", *options]) == 2
        assert says in capsys.readouterr().err


def _stated(path: Path) -> list[str]:
    return [f"features.weights={path}", f"features.digest={digest(path)}"]
