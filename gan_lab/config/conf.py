"""The folder of the lab's own configuration."""

from pathlib import Path


def find_conf() -> Path:
    """`gan_lab/conf` where a wheel was installed, else `conf` at the top of the checkout."""
    package = Path(__file__).parents[1]
    installed = package / "conf"
    return installed if installed.is_dir() else package.parent / "conf"


CONF = find_conf()
