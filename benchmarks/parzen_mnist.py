"""The 2014 paper's figure for a run on MNIST.

    python benchmarks/parzen_mnist.py RUN_DIR DATA_ROOT [best|last [TRUNCATION]]

The protocol of parzen_ll.py in goodfeli/adversarial: 10,000 samples, sigma chosen among logspace(-1, 0, 10) on the
first 1,000 validation images (number 50,000 on), mean and standard error of the log-likelihood over the 10,000 test
images, everything in [0, 1]. By default of the best checkpoint that there is (`best` where the run monitored a metric),
and with noise as it was trained; a truncation below 1 draws it towards the centre.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from hydra.utils import instantiate
from torchvision.datasets import MNIST

from gan_lab.io.checkpoint import PlainCheckpointIO
from gan_lab.io.generator import load_generator
from gan_lab.metrics.parzen import best_sigma, parzen_log_likelihood


def generator_of(directory: Path, name: str | None) -> tuple[torch.nn.Module, Any, int]:
    """The generator in a checkpoint (its average where there is one), the latent and the round."""
    checkpoints = directory / "checkpoints"
    path = checkpoints / f"{name or ('best' if (checkpoints / 'best.ckpt').exists() else 'last')}.ckpt"
    checkpoint = PlainCheckpointIO().load_checkpoint(path)
    state, recipe = checkpoint["state_dict"], recipe_of(directory)
    prefix = "average." if any(key.startswith("average.") for key in state) else "g.network."
    generator = instantiate(recipe["generator"])
    generator.load_state_dict({k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)})
    return generator.eval(), instantiate(recipe["latent"]), checkpoint["game"]["round"]


def recipe_of(directory: Path) -> dict[str, object]:
    if (directory / "generator.safetensors").exists():
        return load_generator(directory / "generator.safetensors").recipe
    from omegaconf import OmegaConf

    config = OmegaConf.load(directory / "config.yaml")
    return {"generator": config.model.generator, "latent": config.latent}


def main(directory: str, root: str, name: str | None = None, truncation: str = "1") -> None:
    generator, latent, rounds = generator_of(Path(directory), name)
    with torch.no_grad():
        z = latent.truncate(latent.sample(10_000, torch.Generator().manual_seed(0)), float(truncation))
        samples = torch.cat([generator(part) for part in z.split(500)]).flatten(1).add(1).div(2)
    valid = MNIST(root, train=True).data[50_000:51_000].flatten(1) / 255
    test = MNIST(root, train=False).data.flatten(1) / 255
    sigma, on_valid = best_sigma(samples, valid, torch.logspace(-1, 0, 10).tolist())
    likelihood = parzen_log_likelihood(samples, test, sigma)
    error = likelihood.std() / len(test) ** 0.5
    result = {
        "round": rounds,
        "sigma": sigma,
        "validation": on_valid,
        "test": likelihood.mean().item(),
        "standard error": error.item(),
    }
    print(json.dumps({key: round(value, 4) for key, value in result.items()}))


if __name__ == "__main__":
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
