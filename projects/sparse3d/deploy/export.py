"""Export of the deployable part of a detector, by the plug-in that a config names."""
from __future__ import annotations

from collections.abc import Sequence
from os import PathLike

from sparse3d.engine.load_config import load_config
from sparse3d.errors import ConfigError
from sparse3d.plugins import ExportReport, load, offer, offers, plugins_of


def export(config: str | PathLike, checkpoint: str | PathLike | None, out: str | PathLike,
           clouds: Sequence[str | PathLike] = (), cfg_options: dict | None = None,
           exporter: str | None = None) -> ExportReport:
    """Let a plug-in of a config write its deployable part and compare it with PyTorch.

    Args:
        config: path or bare name of a config.
        checkpoint: its weights; None exports the initial ones.
        out: the file to write; nothing is written where the comparison fails.
        clouds: files with points for the comparison, where the part sees points.
        cfg_options: dotted keys that override the config.
        exporter: name of one that a plug-in offers; None takes that of the config's plug-in.

    Raises:
        ConfigError: if the config's plug-ins have no exporter, or several.
        PluginError: if the exporter is unknown or cannot be imported.
        Sparse3DError: as the plug-in's function.
    """
    if exporter is not None:
        function = offer('exporters', exporter)
    else:
        function = load(_reference(config))
    return function(config, checkpoint, out, clouds, cfg_options)


def _reference(config: str | PathLike) -> str:
    imports = (load_config(config).get('custom_imports') or {}).get('imports') or []
    imports = [imports] if isinstance(imports, str) else imports
    found = {name: reference for owner in plugins_of(imports)
             for name, reference in owner.exporters.items()}
    if len(found) > 1:
        raise ConfigError(f'{config} can be exported in several ways ({", ".join(found)}); '
                          f'choose one with --exporter')
    if not found:
        raise ConfigError(f'{config} imports no plug-in that exports (it imports '
                          f'{", ".join(imports) or "nothing"}; exporters that are installed: '
                          f'{", ".join(offers("exporters")) or "none"})')
    return next(iter(found.values()))
