"""What the codes of an InfoGAN mean: `python benchmarks/infogan.py RUN_DIR DATA_ROOT [N]`.

Writes RUN_DIR/codes_1.png, codes_2.png, ...: a row for each category of the first code, and along it the first, second,
... continuous code from -2 to 2, all of one noise (the paper's figure 2). Prints two accuracies under the best
assignment of categories to classes: of N samples of each category, by the classifier of gan_lab/features/classifier.py;
and of Q on the test images, which is a clustering of them.
"""

import sys
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf

from gan_lab.data.memory import scale
from gan_lab.experiment.build import build
from gan_lab.features.classifier import default_cache_dir, judge, load_or_train
from gan_lab.io.checkpoint import PlainCheckpointIO
from gan_lab.metrics.conditional import matched_accuracy
from gan_lab.plots.images import picture_of, save_picture
from gan_lab.types import Batch

COLUMNS = 10


def main(directory: str, root: str, n: str = "1000") -> None:
    config: Any = OmegaConf.load(Path(directory) / "config.yaml")
    config.data.root = root
    gan, data = build(config)
    gan.load_state_dict(
        PlainCheckpointIO().load_checkpoint(Path(directory) / "checkpoints" / "last.ckpt")["state_dict"]
    )
    latent: Any = gan.latent
    k, noise = latent.categorical[0], torch.Generator().manual_seed(0)

    def coded(z: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        z = z.clone()
        z[:, latent.noise : latent.noise + k] = torch.eye(k)[codes]
        return z

    codes = torch.arange(k).repeat_interleave(COLUMNS)
    for i in range(latent.continuous):
        z = coded(latent.sample(1, noise).repeat(k * COLUMNS, 1), codes)
        z[:, latent.dim - latent.continuous :] = 0
        z[:, latent.dim - latent.continuous + i] = torch.linspace(-2, 2, COLUMNS).repeat(k)
        save_picture(picture_of(gan.sample(z), COLUMNS), Path(directory) / f"codes_{i + 1}.png")

    images, labels = data.whole  # type: ignore[attr-defined]
    test = data.test()  # type: ignore[attr-defined]
    classifier, accuracy = load_or_train(default_cache_dir(), Batch(scale(images), labels), test, seed=0)
    codes = torch.arange(k).repeat_interleave(int(n))
    z = coded(latent.sample(len(codes), noise), codes)
    seen = torch.cat([judge(classifier, gan.sample(part)).labels for part in z.split(500)])
    print(f"classifier: {100 * accuracy:.2f} % of the test images right")
    print(f"category to class, {n} samples of each: {100 * matched_accuracy(codes, seen):.2f} %")
    with torch.no_grad():
        named = torch.cat([gan.d.network.eval()(x).class_logits[:, :k].argmax(1) for x in test.x.split(500)])
    print(f"Q's category to class, test images: {100 * matched_accuracy(named, test.y):.2f} %")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
