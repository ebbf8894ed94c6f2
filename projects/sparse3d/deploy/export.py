"""Export of a detector, by the plug-in that a config names."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from os import PathLike
from pathlib import Path

from mmengine.config import Config

from sparse3d.engine.load_config import load_config
from sparse3d.errors import ConfigError
from sparse3d.plugins import (
    ExportReport,
    Plugin,
    load,
    offer,
    offers,
    plugins,
    plugins_of,
)


def export(config: str | PathLike, checkpoint: str | PathLike | None, out: str | PathLike,
           clouds: Sequence[str | PathLike] = (), cfg_options: dict | None = None,
           exporter: str | None = None) -> ExportReport:
    """Let a plug-in of a config write a detector for inference engines, compared with PyTorch.

    Args:
        config: path or bare name of a config.
        checkpoint: its weights; None exports the initial ones.
        out: what to write, a folder for the exporters of Sparse3D; nothing is written where the
            comparison fails.
        clouds: files with points for the comparison, where the detector sees points.
        cfg_options: dotted keys that override the config.
        exporter: name of one that a plug-in offers; None takes that of the config's plug-in.

    Raises:
        ConfigError: if the config's plug-ins have no exporter, or several, or say that this
            config cannot be exported and why; if ``out`` is named like a file.
        PluginError: if the exporter is unknown or cannot be imported.
        Sparse3DError: as the plug-in's function.
    """
    _refuse_file_name(out)
    name, owner = exporter_of(config, exporter)
    return load(owner.exporters[name])(config, checkpoint, out, clouds, cfg_options)


def _refuse_file_name(out: str | PathLike) -> None:
    path = Path(out)
    if path.suffix.lower() == '.onnx':
        raise ConfigError(f'an export is a folder with graphs, samples and verify.py; name it '
                          f'{path.with_suffix("")} instead of {path}')


def reason_against(name: str, reasons: Mapping[str, str]) -> str | None:
    """What stops the export of a config by its bare name, or None."""
    return next((reason for pattern, reason in reasons.items() if fnmatchcase(name, pattern)),
                None)


def exporter_of(config: str | PathLike | Config, exporter: str | None = None
                ) -> tuple[str, Plugin]:
    """Name of the exporter of a config, and the plug-in that offers it.

    Args:
        exporter: name of one; None takes that of the config's plug-in.

    Raises:
        ConfigError: if there is none, or several, or the config cannot be exported.
        PluginError: if nobody offers an exporter of that name.
    """
    if exporter is not None:
        offer('exporters', exporter)
        return exporter, next(owner for owner in plugins().values() if exporter in owner.exporters)
    loaded = config if isinstance(config, Config) else load_config(config)
    owners = _owners(loaded)
    found = {name: owner for owner in owners for name in owner.exporters}
    if len(found) > 1:
        raise ConfigError(f'{_called(config)} can be exported in several ways '
                          f'({", ".join(found)}); choose one with --exporter')
    name = Path(loaded.filename or _called(config)).stem
    for owner in owners:
        if (reason := reason_against(name, owner.not_exported)) is not None:
            raise ConfigError(f'{name} cannot be exported: {reason}')
    if not found:
        imports = ', '.join(_imports(loaded)) or 'nothing'
        raise ConfigError(f'{_called(config)} imports no plug-in that exports (it imports '
                          f'{imports}; exporters that are installed: '
                          f'{", ".join(offers("exporters")) or "none"})')
    return next(iter(found.items()))


def _called(config: str | PathLike | Config) -> str:
    return config.filename or 'the config' if isinstance(config, Config) else str(config)


def _owners(config: Config) -> list[Plugin]:
    """The plug-ins that a config imports; where there are none, those that need no import."""
    return plugins_of(_imports(config)) or [
        owner for owner in plugins().values() if not owner.modules]


def _imports(config: Config) -> list[str]:
    imports = (config.get('custom_imports') or {}).get('imports') or []
    return [imports] if isinstance(imports, str) else list(imports)
