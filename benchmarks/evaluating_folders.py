"""Published protocols beside their packages: `python benchmarks/evaluating_folders.py [N] [PROTOCOL ...]`.

N (2,000) made-up pictures of 64 pixels in each of two folders are scored by `gan-lab evaluate A B protocol=NAME` and by
clean-fid or torch-fidelity, with the same random weights: the published ones cannot be had here, and figures and times
do not depend on which. Each in a process of its own, in turn. Says both figures, their relative difference, seconds,
processor seconds and peak memory. Options that the small N demands (n, size of subsets, parts) are given to both.
"""

import hashlib
import json
import math
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from evaluating import cost
from PIL import Image

SIDE = 64
FIGURES = {"kid50k": "kernel_subsets", "is50k": "inception_score", "pr50k3": "precision"}  # else frechet
TORCH_FIDELITY = ("legacy_tf", "kid50k", "is50k", "pr50k3")
CLEAN_FID = {"clean_fid": ("clean", 128.0), "legacy_pytorch": ("legacy_pytorch", 127.5)}


def pictures(folder: Path, seed: int, n: int) -> None:
    """Smooth ones, darker where the seed is higher."""
    folder.mkdir()
    rng = np.random.default_rng(seed)
    for i in range(n):
        coarse = rng.integers(0, 256 - 40 * seed, (6, 6, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(folder / f"{i:05d}.png")


def random_weights(network: Any, path: Path) -> None:
    """Of a size that keeps signals as large as they are."""
    drawn = torch.Generator().manual_seed(0)
    for weight in network.parameters():
        if weight.ndim > 1:
            weight.data.normal_(0, math.sqrt(2 / weight[0].numel()), generator=drawn)
    torch.save(network.state_dict(), path)


def make(here: Path, n: int, protocols: list[str]) -> None:
    import cleanfid.inception_pytorch as theirs
    from torchvision.models import vgg16

    for seed, name in enumerate("ab", start=1):
        pictures(here / name, seed, n)
    theirs.load_state_dict_from_url = lambda *_, **__: {}
    torch.nn.Module.load_state_dict = lambda *_, **__: None  # type: ignore[method-assign]
    random_weights(theirs.fid_inception_v3(), here / "inception.pth")
    if "pr50k3" in protocols:
        random_weights(vgg16(), here / "vgg16.pth")


def by_torch_fidelity(here: Path, protocol: str, n: int) -> float:
    from torch_fidelity import calculate_metrics

    names = {
        "legacy_tf": ("fid", "frechet_inception_distance"),
        "kid50k": ("kid", "kernel_inception_distance_mean"),
        "is50k": ("isc", "inception_score_mean"),
        "pr50k3": ("prc", "precision"),
    }
    wanted, figure = names[protocol]
    found = calculate_metrics(
        input1=str(here / "a"),
        input2=str(here / "b"),
        feature_extractor_weights_path=str(weights_of(here, protocol)),
        kid_subsets=2,
        kid_subset_size=n,
        isc_splits=1,
        batch_size=32,
        cuda=False,
        cache=False,
        verbose=False,
        save_cpu_ram=True,
        **{wanted: True},
    )
    return float(found[figure])


def by_clean_fid(here: Path, protocol: str) -> float:
    import cleanfid.inception_pytorch as theirs
    from cleanfid import fid

    mode, half = CLEAN_FID[protocol]
    theirs.load_state_dict_from_url = lambda *_, **__: torch.load(here / "inception.pth", weights_only=True)
    network = theirs.InceptionV3(resize_input=False, normalize_input=False).eval()
    fid.build_feature_extractor = lambda *_, **__: lambda x: network(x / half - 1)[0].flatten(1)
    folders = str(here / "a"), str(here / "b")
    return float(
        fid.compute_fid(*folders, mode=mode, device=torch.device("cpu"), num_workers=0, batch_size=32, verbose=False)
    )


def weights_of(here: Path, protocol: str) -> Path:
    return here / ("vgg16.pth" if protocol == "pr50k3" else "inception.pth")


def ours(here: Path, protocol: str, n: int) -> list[str]:
    weights = weights_of(here, protocol)
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()[:12]
    words = ["-m", "gan_lab.evaluate", str(here / "a"), str(here / "b"), f"protocol={protocol}", f"n={n}", "real=all"]
    words += [f"features.weights={weights}", f"features.digest={digest}", f"out={here / 'ours.json'}"]
    small = {
        "kid50k": [f"metric.kernel_subsets.size={n}", "metric.kernel_subsets.subsets=2"],
        "is50k": ["metric.inception_score.splits=1"],
        "pr50k3": [],
    }
    return [*words, *small.get(protocol, ["metric.frechet.groups=0"])]


def main(n: int, protocols: list[str]) -> None:
    with tempfile.TemporaryDirectory() as place:
        here = Path(place)
        make_in = [__file__, "make", str(here), str(n), *protocols]
        cost(make_in, here / "cache")
        print("| protocol | reference | here | there | difference | seconds here, there | processor | peak memory |")
        print("|---|---|---|---|---|---|---|---|")
        for protocol in protocols:
            mine = cost(ours(here, protocol, n), here / f"cache-{protocol}")
            found = json.loads((here / "ours.json").read_text())["figures"][str(here / "a")]
            value = found[FIGURES.get(protocol, "frechet")]
            theirs = cost([__file__, "reference", str(here), protocol, str(n)], here / "cache")
            other = float(theirs.said.split()[-1])
            package = "torch-fidelity" if protocol in TORCH_FIDELITY else "clean-fid"
            apart = abs(value - other) / max(abs(other), 1e-12)
            print(
                f"| {protocol} | {package} | {value:.9g} | {other:.9g} | {apart:.1e} "
                f"| {mine.wall:.0f}, {theirs.wall:.0f} | {mine.cpu:.0f}, {theirs.cpu:.0f} "
                f"| {mine.memory:.0f}, {theirs.memory:.0f} MB |",
                flush=True,
            )


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["make", here, n, *protocols]:
            make(Path(here), int(n), protocols)
        case ["reference", here, protocol, n]:
            torch.set_num_threads(1)
            of_torch_fidelity = protocol in TORCH_FIDELITY
            print(
                by_torch_fidelity(Path(here), protocol, int(n))
                if of_torch_fidelity
                else by_clean_fid(Path(here), protocol)
            )
        case given:
            number, *named = given or ["2000"]
            main(int(number), named or [*TORCH_FIDELITY, *CLEAN_FID])
