"""What an evaluation costs, beside torch-fidelity: `python benchmarks/evaluating.py RUN_DIR DATA_ROOT [N] [REPEATS]`.

Frechet and kernel distance of N samples (10,000) of a run on MNIST, by `gan_lab.evaluate` and by torch-fidelity, which
is given the same samples, the same real images and the same features. Each in a process of its own, in turn; first with
the real images' features still to be computed, then with them cached, as both can. Both also make the samples. Says
seconds, processor seconds and peak memory, the least of REPEATS (3) each, and the figures.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from mnist import generator_of
from omegaconf import OmegaConf
from torch import Tensor
from torch.utils.data import Dataset

from gan_lab.cli.evaluate import configure, data_of
from gan_lab.evaluation.evaluator import Evaluator
from gan_lab.features.classifier import default_cache_dir
from gan_lab.features.extractors import OwnClassifier
from gan_lab.sampling import sampled

SUBSET = 1000  # of the kernel distance, in both


class Cost(NamedTuple):
    """Of one process: seconds, processor seconds, peak memory in MB, and what it printed."""

    wall: float
    cpu: float
    memory: float
    said: str


def cost(arguments: list[str], cache: Path) -> Cost:
    began, env = time.perf_counter(), os.environ | {"XDG_CACHE_HOME": str(cache)}
    child = subprocess.Popen([sys.executable, *arguments], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert child.stdout is not None
    said = child.stdout.read().decode()
    _, status, used = os.wait4(child.pid, 0)
    assert status == 0, arguments
    return Cost(time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1000, said)


class Images(Dataset[Tensor]):
    """What torch-fidelity takes in place of a folder."""

    def __init__(self, images: Tensor) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int) -> Tensor:
        return self.images[i]


def reference(run: Path, root: str, n: int, cache: str) -> None:
    """The same figures by torch-fidelity, with our features as its extractor."""
    from torch_fidelity import calculate_metrics, register_feature_extractor
    from torch_fidelity.feature_extractor_base import FeatureExtractorBase

    made = generator_of(str(run))
    features = OwnClassifier()
    conditional = bool(OmegaConf.load(run / "config.yaml").conditioning)
    evaluation = Evaluator(data_of(run, configure([f"root={root}"])), features, {}, n, conditional=conditional)

    class Ours(FeatureExtractorBase):
        def __init__(self, name: str, features_list: list[str], **_: Any) -> None:
            super().__init__(name, features_list)

        @staticmethod
        def get_provided_features_list() -> tuple[str, ...]:
            return ("64",)

        @staticmethod
        def get_default_feature_layer_for_metric(metric: str) -> str:  # noqa: ARG004
            return "64"

        @staticmethod
        def can_be_compiled() -> bool:
            return False

        def forward(self, x: Tensor) -> tuple[Tensor]:
            return (features(x),)

    register_feature_extractor("ours", Ours)
    found = calculate_metrics(
        input1=Images(evaluation.fake(partial(sampled, made.generator), made.latent).images),
        input2=Images(evaluation.real.images),
        feature_extractor="ours",
        fid=True,
        kid=True,
        kid_subsets=max(2, n // SUBSET),
        kid_subset_size=min(SUBSET, n),
        batch_size=250,
        cuda=False,
        save_cpu_ram=True,
        verbose=False,
        cache=True,
        cache_root=cache,
        input2_cache_name="real",
    )
    print({name: round(value, 5) for name, value in found.items()})


def main(run: Path, root: str, n: int, repeats: int) -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        here, copy = Path(place), Path(place) / "run"
        copy.mkdir()
        for name in ("generator.safetensors", "config.yaml", "run.yaml", "summary.json"):
            shutil.copy(run / name, copy / name)
        ours = [
            "-m",
            "gan_lab.evaluate",
            str(copy),
            f"root={root}",
            f"n={n}",
            f"metric.kernel.blocks={max(1, n // SUBSET)}",
        ]
        cost([*ours, "n=20", "metric=kernel", "metric.kernel.blocks=2"], default_cache_dir().parent)  # the classifier
        seen: dict[str, list[Cost]] = {}
        for repeat in range(repeats):
            cache = here / str(repeat)
            shutil.copytree(default_cache_dir(), cache / "gan_lab", ignore=shutil.ignore_patterns("f*"))
            theirs = [__file__, "reference", str(copy), root, str(n), str(cache / "theirs")]
            for name, arguments in {"gan_lab": ours, "torch-fidelity": theirs}.items():
                for when in ("first", "cached"):
                    seen.setdefault(f"{name}, {when}", []).append(cost(arguments, cache))
    print("| | seconds | processor seconds | peak memory |\n|---|---|---|---|")
    for name, costs in seen.items():
        wall, cpu, memory = (min(getattr(c, what) for c in costs) for what in ("wall", "cpu", "memory"))
        print(f"| {name} | {wall:.1f} | {cpu:.1f} | {memory:.0f} MB |")
    for name in ("gan_lab, cached", "torch-fidelity, cached"):
        print(f"{name}: {' '.join(seen[name][0].said.split())}")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    if sys.argv[1] == "reference":
        _, _, run, root, n, cache = sys.argv
        reference(Path(run), root, int(n), cache)
    else:
        place, root, n, repeats, *_rest = [*sys.argv[1:], *("10000", "3")[len(sys.argv) - 3 :]]
        main(Path(place), root, int(n), int(repeats))
