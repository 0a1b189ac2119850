"""What Hydra and OmegaConf read again for each configuration, kept in memory between the tests.

Some thousand configurations are composed of the same files, and hold the same interpolations: a fifth of a small run.
"""

import functools
from copy import deepcopy
from pathlib import Path
from typing import Any

import omegaconf.base
from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra.plugins.config_source import ConfigResult

_READ: dict[Any, ConfigResult] = {}
_load = FileConfigSource.load_config


def _remembered(source: FileConfigSource, config_path: str) -> ConfigResult:
    try:
        seen = Path(source.path, source._normalize_file_name(config_path)).stat()
    except OSError:
        return _load(source, config_path)
    key = (source.path, source.provider, config_path, seen.st_mtime_ns, seen.st_size)
    if key not in _READ:
        _READ[key] = _load(source, config_path)
    return deepcopy(_READ[key])


def keep_what_is_read() -> None:
    FileConfigSource.load_config = _remembered  # type: ignore[method-assign]
    omegaconf.base.parse = functools.cache(omegaconf.base.parse)
