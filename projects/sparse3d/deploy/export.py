"""Export to ONNX: by the plug-in that a config names."""
from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from os import PathLike
from typing import Any

from sparse3d.engine.load_config import load_config
from sparse3d.errors import ConfigError


def export_onnx(config: str | PathLike, checkpoint: str | PathLike | None, out: str | PathLike,
                clouds: Sequence[str | PathLike] = (), cfg_options: dict | None = None) -> Any:
    """Let the plug-in of a config write its deployable part and compare it with PyTorch.

    A plug-in that can has a module ``onnx_export`` with a function ``export_onnx``, which takes
    the same arguments and gives a report with ``path`` and ``sentences()``.

    Args:
        config: path of a config file.
        checkpoint: its weights; None exports the initial ones.
        out: the file to write; nothing is written where the comparison fails.
        clouds: files with points for the comparison, where the part sees points.
        cfg_options: dotted keys that override the config.

    Raises:
        ConfigError: if no plug-in of the config exports.
        Sparse3DError: as the plug-in's function.
    """
    imports = (load_config(config).get('custom_imports') or {}).get('imports') or []
    for name in [imports] if isinstance(imports, str) else imports:
        if _exports(name):
            exporter = import_module(f'{name}.onnx_export')
            return exporter.export_onnx(config, checkpoint, out, clouds, cfg_options)
    raise ConfigError(f'{config} imports no plug-in that exports to ONNX (it imports '
                      f'{", ".join(imports) or "nothing"}); dsvt and sparsebev do')


def _exports(name: str) -> bool:
    package = find_spec(name)
    return (package is not None and package.submodule_search_locations is not None
            and find_spec(f'{name}.onnx_export') is not None)
