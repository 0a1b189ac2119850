"""Enlarging: `python benchmarks/superresolution.py RUN_DIR [RUN_DIR ...]`, of runs with degradation=low_resolution.

The test images of the first run's data, made small as in its training, are enlarged by bicubic interpolation and by
each run's generator. Of each are printed

    psnr (dB) and ssim: means over images, of nearness to the truth;
    again: mean absolute error of the enlarged image made small again, in grey levels of 256;
    frechet: distance of features from those of the true images;
    kid, +-: that of every second one from the true images of the others, since KID takes the two sets for independent,
    which an image and its own restoration are not; and its standard error, as if images were independent too;
    right: where images have labels, the share in which the true one is seen.

Features and labels are those of the classifier of gan_lab/features/classifier.py, which is trained on the run's data;
where these have no labels (photographs), features are those of features=efficientnet_lite0.

superresolution.png in the first RUN_DIR has a row for each of ten images: what is given, bicubic, each run, the truth.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from hydra.utils import instantiate
from mnist import generator_of
from omegaconf import OmegaConf
from torch import Tensor
from torch.nn import functional as F

from gan_lab.data.memory import scale
from gan_lab.features.classifier import default_cache_dir, judge, load_or_train
from gan_lab.features.extractors import EfficientNetLite0
from gan_lab.io.generator import load_generator
from gan_lab.metrics.distances import frechet_distance, kernel_distance
from gan_lab.metrics.restoration import psnr, ssim
from gan_lab.plots.images import picture_of, save_picture
from gan_lab.types import Batch

ROWS = 10
CHUNK = 500
Look = Callable[[Tensor], tuple[Tensor, Tensor | None]]  # images to features (N, F) and labels (N,), if it knows any


def looker(data: Any, test: Batch) -> Look:
    """Who looks at images like the data's."""
    if test.y is None:
        network = EfficientNetLite0()
        network.prepare(tuple(test.x.shape[1:]), data.test)
        return lambda images: (torch.cat([network(part) for part in images.split(CHUNK)]), None)
    samples, labels = data.whole
    classifier, accuracy = load_or_train(default_cache_dir(), Batch(scale(samples), labels), test, seed=0)
    print(f"classifier: {100 * accuracy:.2f} % of the test images right")

    def look(images: Tensor) -> tuple[Tensor, Tensor]:
        judgement = judge(classifier, images)
        return judgement.features, judgement.labels

    return look


def enlarge(directory: str, y: Tensor) -> Tensor:
    """The run's answers (N, C, H, W) to y (N, C, h, w), of one noise each."""
    generate = generator_of(directory)
    return generate(generate.latent.sample(len(y), torch.Generator().manual_seed(0)), y, CHUNK)


def figures(
    images: Tensor, test: Batch, given: Callable[[Tensor], Tensor], look: Look, real: Tensor
) -> dict[str, float]:
    """What is printed of images (N, C, H, W) that shall be those of `test`, whose features are `real` (N, F)."""
    features, labels = look(images)
    apart = features[::2], real[1::2]  # an image and its own restoration are not independent
    kid, error = kernel_distance(*apart)
    found: dict[str, Any] = {
        "psnr": psnr(images, test.x).mean(),
        "ssim": torch.cat([ssim(*pair) for pair in zip(images.split(CHUNK), test.x.split(CHUNK), strict=True)]).mean(),
        "again": 127.5 * (given(images) - given(test.x)).abs().mean(),
        "frechet": frechet_distance(*apart),
        "kid": kid,
        "+-": error,
    }
    if labels is not None and test.y is not None:
        found["right"] = (labels == test.y).double().mean()
    return {name: float(value) for name, value in found.items()}


def main(*directories: str) -> None:
    data = instantiate(OmegaConf.load(Path(directories[0]) / "config.yaml").data.module)
    given = instantiate(load_generator(Path(directories[0]) / "generator.safetensors").recipe["degradation"])
    test = data.test()
    look = looker(data, test)
    x, y = test.x, given(test.x)
    real, _ = look(x)

    found = {"bicubic": F.interpolate(y, x.shape[2:], mode="bicubic").clamp(-1, 1)}
    found |= {directory: enlarge(directory, y) for directory in directories}
    for name, images in found.items():
        row = figures(images, test, given, look, real)
        print(name, *(f"{key} {value:.4f}" for key, value in row.items()), sep="  ", flush=True)

    shown = torch.stack([F.interpolate(y, x.shape[2:]), *found.values(), x], 1)[:ROWS]
    picture = Path(directories[0]) / "superresolution.png"
    save_picture(picture_of(shown.flatten(0, 1), shown.shape[1]), picture)
    print(picture)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
