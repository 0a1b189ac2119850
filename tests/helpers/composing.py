"""What Hydra and OmegaConf do again for each configuration, done once for all tests.

Over a thousand configurations are composed of the same files: a third of the quick tests' time.
"""

import copy
import functools
from pathlib import Path
from typing import Any

import omegaconf.base
from helpers.commands import ROOT
from hydra import compose, initialize_config_dir
from hydra._internal import defaults_list
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository
from hydra.core.default_element import InputDefault
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.plugins.config_source import ConfigResult
from omegaconf import DictConfig, OmegaConf

CONF = ROOT / "conf"
_READ: dict[Any, ConfigResult] = {}
_load = ConfigRepository.load_config
_embed = ConfigLoaderImpl._embed_result_config
_map_choices = defaults_list._create_interpolation_map


def _remembered(repository: ConfigRepository, config_path: str) -> ConfigResult | None:
    """Read once for each state of its file; files of packages do not change."""
    source = repository._find_object_source(config_path, ObjectType.CONFIG)
    if source is None or source.scheme() not in ("file", "pkg"):
        return _load(repository, config_path)
    key: tuple[Any, ...] = (source.path, source.provider, config_path)
    if source.scheme() == "file":
        seen = Path(source.path, source._normalize_file_name(config_path)).stat()
        key = (*key, seen.st_mtime_ns, seen.st_size)
    if key not in _READ:
        read = _load(repository, config_path)
        assert read is not None
        _READ[key] = read
    return _READ[key]


def _embed_copy(result: ConfigResult, package: str | None) -> ConfigResult:
    """Composing takes the nodes that it is given into the whole: of what is remembered it gets a copy."""
    result = copy.copy(result)
    result.config = copy.deepcopy(result.config)
    return _embed(result, package)


def _needed_choices(overrides: Any, defaults: list[InputDefault], self_added: bool) -> DictConfig:
    """Hydra makes a configuration of all choices at each file, for interpolations that few lists of defaults have."""
    if any(one.is_interpolation() for one in defaults if not one.is_self()):
        return _map_choices(overrides, defaults, self_added)
    return OmegaConf.create()


def keep_what_is_read() -> None:
    ConfigRepository.load_config = _remembered  # type: ignore[method-assign]
    ConfigLoaderImpl._embed_result_config = staticmethod(_embed_copy)  # type: ignore[method-assign]
    defaults_list._create_interpolation_map = _needed_choices
    omegaconf.base.parse = functools.cache(omegaconf.base.parse)


def composed(*overrides: str) -> DictConfig:
    """As `hydra.compose("config", overrides)`, its choices of parts composed once: values are set in a copy."""
    parsed = OverridesParser.create().parse_overrides([*overrides])
    choices = tuple(one.input_line for one in parsed if (CONF / one.key_or_group).is_dir())
    config = copy.deepcopy(_chosen(choices))
    ConfigLoaderImpl._apply_overrides_to_config([one for one in parsed if one.input_line not in choices], config)
    return config


@functools.cache
def _chosen(choices: tuple[str, ...]) -> DictConfig:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("config", [*choices])
