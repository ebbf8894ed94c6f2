"""A detector whose PyTorch parts are replaced by exported graphs: what a vehicle's host does.

What stands before the graphs (voxels, pictures) and behind them (suppression, identities) is the
detector's own; the plug-in says how, as ``Plugin.graph_hosts``.
"""
from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from torch import Tensor, nn

from sparse3d.deploy.export import exporter_of
from sparse3d.deploy.folder import verify
from sparse3d.deploy.weights_sum import weights_sum
from sparse3d.errors import BackendUnavailable, ConfigError, DataError
from sparse3d.plugins import load

Run = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]
MANIFEST = 'export.json'


def use_graphs(detector: nn.Module, config: Config, graphs: Mapping[str, Run],
               exporter: str | None = None) -> None:
    """Let a detector predict with graphs.

    Args:
        detector: in evaluation mode; it is changed.
        config: of it.
        graphs: by name, from tensors by name to tensors by name.
        exporter: that the graphs are of; None takes that of the config's plug-in.

    Raises:
        ConfigError: if the config has no exporter, or its plug-in no host.
    """
    name, owner = exporter_of(config, exporter)
    if name not in owner.graph_hosts:
        raise ConfigError(f'the plug-in {owner.name} does not say how its detectors predict with '
                          f'exported graphs (graph_hosts of its contract)')
    load(owner.graph_hosts[name])(detector, config, graphs)


def opened_graphs(folder: str | PathLike, detector: nn.Module) -> dict[str, Run]:
    """The graphs of an export folder by name, as they run on this CPU.

    Args:
        detector: with the weights that the graphs should have.

    Raises:
        DataError: if the folder is no export, or a file in it is not what was exported.
        ConfigError: if its graphs are of other weights.
        BackendUnavailable: if ONNX Runtime, or onnx for sparse convolutions, is not installed.
    """
    folder = Path(folder)
    try:
        about = json.loads((folder / MANIFEST).read_text())
        graphs = about['graphs']
        verify.check_files(folder, about)
    except (OSError, ValueError, KeyError, TypeError, verify.Different) as error:
        raise DataError(f'{folder} is no whole export: {error}; write it with sparse3d export'
                        ) from error
    if about.get('weights') not in (None, weights_sum(detector)):
        raise ConfigError(f'the graphs of {folder} have other weights than the detector (they are '
                          f'of {about.get("config")}, {about.get("checkpoint")}); name the '
                          f'checkpoint that was exported')
    try:
        return {Path(graph['file']).stem: _on_tensors(graph, verify.runner(folder, graph))
                for graph in graphs}
    except ImportError as error:
        raise BackendUnavailable(f'the graphs of {folder} need {error.name}: "pip install '
                                 f'{error.name}", or the extra export') from error


def _on_tensors(graph: Mapping[str, Any], run: Callable[[dict[str, Any]], dict[str, Any]]) -> Run:
    def on_tensors(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        given = {name: inputs[name].detach().cpu().contiguous().numpy()
                 for name in graph['inputs']}
        _refuse_other_shapes(graph, given)
        return {name: torch.from_numpy(value) for name, value in run(given).items()}
    return on_tensors


def _refuse_other_shapes(graph: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    for name, value in given.items():
        axes = graph['inputs'][name]['shape']
        if len(axes) != value.ndim or any(isinstance(length, int) and length != found
                                          for length, found in zip(axes, value.shape,
                                                                   strict=True)):
            raise DataError(f'{graph["file"]} takes {name} of {"x".join(map(str, axes))}, and the '
                            f'data give {"x".join(map(str, value.shape))}; export with the '
                            f'config of these data')
