"""Check of whether the microbatches of a run may change at a resume."""

from pathlib import Path

from omegaconf import DictConfig
from torch.nn.modules.batchnorm import _BatchNorm

from gan_lab.errors import OtherRun
from gan_lab.game.gan import GAN
from gan_lab.io.anew import anew
from gan_lab.io.reading import read_yaml

KNOWN = ("torch.nn.", "gan_lab.")  # whose modules say what they do, by their kind or by `couples_samples`


def check_same_parts(directory: Path, config: DictConfig, gan: GAN) -> None:
    """Another `gan.accumulate` than that of the run in `directory` makes no difference but for rounding.

    Raises:
        OtherRun: it does, since samples are compared within a part; or a module is not known.
    """
    settings = read_yaml(directory / "config.yaml").get("gan")
    before = settings.get("accumulate", 1) if isinstance(settings, dict) else 1
    if before == config.gan.accumulate:
        return
    for name, module in gan.named_modules():
        kind = type(module)
        if isinstance(module, _BatchNorm) or getattr(module, "couples_samples", False):
            why = "compares the samples of a part"
        elif not f"{kind.__module__}.".startswith(KNOWN):
            why = "may compare the samples of a part"
        else:
            continue
        raise OtherRun(
            f"gan.accumulate={config.gan.accumulate}: the run has {before}, and {name} ({kind.__name__}) {why}; "
            f"leave it, or {anew(directory)}"
        )
