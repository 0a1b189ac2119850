"""Four times larger: `python benchmarks/superresolution.py DATA_ROOT RUN_DIR [RUN_DIR ...]`, given=low_resolution.

The 10,000 test images of MNIST, made small as in the first run's training, are enlarged by bicubic interpolation and by
each run's generator. Of each are printed, with the classifier of gan_lab/metrics/classifier.py,

    psnr (dB) and ssim: means over images, of nearness to the truth;
    again: mean absolute error of the enlarged image made small again, in grey levels of 256;
    frechet, kid: distances of the classifier's features from those of the true images;
    right: the share of images in which it sees the true digit.

superresolution.png in the first RUN_DIR has a row for each of ten images: what is given, bicubic, each run, the truth.
"""

import sys
from pathlib import Path

import torch
from hydra.utils import instantiate
from torch import Tensor
from torch.nn import functional as F
from torchvision.datasets import MNIST

from gan_lab.data.memory import scale
from gan_lab.generator_file import load_generator
from gan_lab.metrics.classifier import default_cache_dir, judge, load_or_train
from gan_lab.metrics.distances import frechet_distance, kernel_distance
from gan_lab.metrics.restoration import psnr, ssim
from gan_lab.pictures import picture_of, save_picture
from gan_lab.types import Batch

ROWS = 10


def mnist(root: str, train: bool) -> Batch:
    """Images (N, 1, 28, 28) in [-1, 1] and labels (N,)."""
    found = MNIST(root, train=train)
    return Batch(scale(found.data.unsqueeze(1)), found.targets)


@torch.no_grad()
def enlarge(directory: str, y: Tensor) -> Tensor:
    """The run's answers (N, C, H, W) to y (N, C, h, w), of one noise each."""
    recipe, weights = load_generator(Path(directory) / "generator.safetensors")
    generator, latent = instantiate(recipe["generator"]), instantiate(recipe["latent"])
    generator.load_state_dict(weights.get("average", weights["raw"]))
    z = latent.sample(len(y), torch.Generator().manual_seed(0))
    return torch.cat([generator.eval()(*pair) for pair in zip(z.split(500), y.split(500), strict=True)])


def main(root: str, *directories: str) -> None:
    train, test = mnist(root, train=True), mnist(root, train=False)
    assert test.y is not None
    classifier, accuracy = load_or_train(default_cache_dir(), train, test, seed=0)
    print(f"classifier: {100 * accuracy:.2f} % of the test images right")
    x, labels = test.x, test.y
    given = instantiate(load_generator(Path(directories[0]) / "generator.safetensors").recipe["given"])
    y, real = given(x), judge(classifier, x)

    found = {"bicubic": F.interpolate(y, x.shape[2:], mode="bicubic").clamp(-1, 1)}
    found |= {directory: enlarge(directory, y) for directory in directories}
    for name, images in (found | {"the truth": x}).items():
        seen = judge(classifier, images)
        row = {
            "psnr": psnr(images, x).mean(),
            "ssim": torch.cat([ssim(a, b) for a, b in zip(images.split(1000), x.split(1000), strict=True)]).mean(),
            "again": 127.5 * (given(images) - y).abs().mean(),
            "frechet": frechet_distance(seen.features, real.features),
            "kid": kernel_distance(seen.features, real.features)[0],
            "right": (seen.labels == labels).double().mean(),
        }
        print(name, *(f"{key} {float(value):.4f}" for key, value in row.items()), sep="  ", flush=True)

    shown = torch.stack([F.interpolate(y, x.shape[2:]), *found.values(), x], 1)[:ROWS]
    picture = Path(directories[0]) / "superresolution.png"
    save_picture(picture_of(shown.flatten(0, 1), shown.shape[1]), picture)
    print(picture)


if __name__ == "__main__":
    main(*sys.argv[1:])
