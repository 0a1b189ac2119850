"""Compose an experiment from config groups and run it: `python train.py model=dcgan loss=hinge`.

Nothing heavy is imported before the configuration has been checked, so that a mistake is answered at once.
"""

import os
import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from gan_lab.config.check import check, check_choices
from gan_lab.config.explain import explain
from gan_lab.config.resume import demand_same, expand, remember


def train(config: DictConfig) -> int:
    """One run; its exit code."""
    check_choices(HydraConfig.get().runtime.choices)
    check(config)
    directory = Path(config.directory)
    if config.resume:
        demand_same(config, directory)
    remember(config, directory)

    from gan_lab.run import play

    return play(config)


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def job(config: DictConfig) -> None:
    """One job of Hydra's: a run that exits, or one of a sweep, which goes on whatever becomes of this one."""
    if HydraConfig.get().mode is RunMode.MULTIRUN:
        train(config)
        return
    try:
        code = train(config)
    except Exception as error:
        if not told(error):
            raise
        code = 2
    if code:
        raise SystemExit(code)


def told(error: Exception) -> bool:
    """Whether the error is the user's to mend, in which case it was told in one line; a bug keeps its traceback."""
    line = explain(error, sys.argv[1:])
    if line is not None:
        print(f"error: {line}", file=sys.stderr)
    return line is not None


def main() -> None:
    os.environ["HYDRA_FULL_ERROR"] = "1"  # exceptions come out of Hydra as they are; they are explained here
    try:
        sys.argv[1:] = expand(sys.argv[1:])
        job()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except Exception as error:
        if not told(error):
            raise
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
