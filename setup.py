"""The build step that puts conf/ into the wheel, as gan_lab/conf; an editable install reads it from the checkout."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithConf(build_py):
    """The modules, and beside them the configuration."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            self.copy_tree("conf", str(Path(self.build_lib, "gan_lab", "conf")))


setup(cmdclass={"build_py": BuildWithConf})
