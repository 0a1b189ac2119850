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
from gan_lab.metrics.distances import frechet_distance

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


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("sets")
    return pictures(folder / "a", 1, 5), pictures(folder / "b", 2, 5)


def figures(sets: tuple[Path, Path], weights: Path, out: Path, *options: str) -> dict[str, Any]:
    own = [f"features.weights={weights}", f"features.digest={digest(weights)}", f"out={out}"]
    assert main([*map(str, sets), *own, *options]) == 0
    found: dict[str, Any] = json.loads(out.read_text())
    return found | found["figures"][str(sets[0])]


@pytest.mark.slow
def test_the_frechet_distance_is_that_of_clean_fid(
    weights: Path, sets: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose network for "clean" is a program to be downloaded: its own in PyTorch stands in, with that normalisation.

    The distance of its features is computed here, since its square root of a matrix takes twenty seconds.
    """
    theirs = pytest.importorskip("cleanfid.fid", reason="clean-fid is not installed (extra: dev)")
    from cleanfid import inception_pytorch

    def stored(*_: Any, **__: Any) -> Any:
        return torch.load(weights, weights_only=True)

    monkeypatch.setattr(inception_pytorch, "load_state_dict_from_url", stored)
    network = inception_pytorch.InceptionV3(resize_input=False, normalize_input=False).eval()
    for mode, protocol, half in (("clean", "clean_fid", 128), ("legacy_pytorch", "legacy_pytorch", 127.5)):
        a, b = (
            torch.from_numpy(
                theirs.get_folder_features(
                    str(folder), lambda x, h=half: network(x / h - 1)[0].flatten(1), num_workers=0, mode=mode,
                    device="cpu", verbose=False,
                )
            )
            for folder in sets
        )  # fmt: skip
        found = figures(sets, weights, tmp_path / "figures.json", f"protocol={protocol}", "n=5",
                        "metric.frechet.groups=0")  # fmt: skip
        assert found["frechet"] == pytest.approx(frechet_distance(a, b), rel=1e-5)
        assert found["protocol"] is None  # of fewer samples, and by other weights


@pytest.mark.slow
def test_figures_are_those_of_torch_fidelity(weights: Path, sets: tuple[Path, Path], tmp_path: Path) -> None:
    """Subsets and parts are all of the pictures, since theirs are drawn from a generator of their own.

    Their kernels, which are about 1, are summed in single precision.
    """
    options = ["features=inception", "metric=[frechet,kernel_subsets,inception_score]", "metric.frechet.groups=0"]
    options += ["metric.kernel_subsets.size=5", "metric.kernel_subsets.subsets=2", "metric.inception_score.splits=1"]
    found = figures(sets, weights, tmp_path / "figures.json", *options)
    assert found["features"].startswith(f"inception {digest(weights)}, bilinear of TensorFlow 1")
    theirs = torch_fidelity.calculate_metrics(
        input1=str(sets[0]), input2=str(sets[1]), isc=True, isc_splits=1, fid=True, kid=True, kid_subsets=2,
        kid_subset_size=5, cuda=False, cache=False, verbose=False, save_cpu_ram=True,
        feature_extractor_weights_path=str(weights),
    )  # fmt: skip
    assert found["frechet"] == pytest.approx(theirs["frechet_inception_distance"], rel=1e-5)
    assert found["kernel_subsets"] == pytest.approx(theirs["kernel_inception_distance_mean"], abs=1e-6)
    assert found["inception_score"] == pytest.approx(theirs["inception_score_mean"], rel=1e-5)


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
