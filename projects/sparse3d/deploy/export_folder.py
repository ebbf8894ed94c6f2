"""A folder that verifies itself: graphs, samples with PyTorch's outputs, ``verify.py``."""
from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from torch import Tensor, nn

from sparse3d.atomic_files import atomic_folder, check_place, write_bytes_atomically
from sparse3d.deploy.folder import verify
from sparse3d.deploy.graphs import Graph, hold_to_statement
from sparse3d.deploy.onnx_files import refuse_device, require_packages
from sparse3d.deploy.weights_sum import weights_sum
from sparse3d.engine.build_model import build_model
from sparse3d.engine.checkpoint_config import open_with_config
from sparse3d.errors import ConfigError, DataError, PluginError
from sparse3d.plugins import plugins
from sparse3d.version import __version__

MANIFEST, FORMAT = 'export.json', 1
TYPES = {onnx.TensorProto.FLOAT: 'float32', onnx.TensorProto.INT32: 'int32',
         onnx.TensorProto.INT64: 'int64', onnx.TensorProto.BOOL: 'bool'}
AUTOWARE = dict(
    repository='https://github.com/autowarefoundation/autoware_universe',
    package='perception/autoware_tensorrt_plugins',
    commits={
        'get_indices_pairs_implicit_gemm_plugin.cpp': '09aa6a4aa638cba612e4863efde479b226118f9d',
        'get_indices_pairs_implicit_gemm_plugin.hpp': '3c46ea3cedef6a72d9d13e6837d0b7dd18dfd1b5',
        'implicit_gemm_plugin.cpp': '081957b062df15b1ce33baa849e1177d78e37ec6'},
    max_output_voxels=256000)
GraphsOf = Callable[[nn.Module, Config, Sequence[str | PathLike]], Sequence[Graph]]


@dataclass(frozen=True)
class FolderReport:
    """What was exported.

    Attributes:
        path: the folder.
        graphs: entries of the manifest.
        compared: of each comparison the graph's file, the case and the largest difference.
    """

    path: Path
    graphs: tuple[Mapping[str, Any], ...]
    compared: tuple[tuple[str, str, float], ...]

    @property
    def differences(self) -> dict[str, float]:
        """The largest difference of all graphs by the name of the case."""
        found: dict[str, float] = {}
        for _, case, largest in self.compared:
            found[case] = max(largest, found.get(case, 0.0))
        return found

    def sentences(self) -> list[str]:
        """What to tell the user beside the folder's name."""
        lines = []
        for graph in self.graphs:
            shapes = ', '.join(f'{name} {"x".join(map(str, about["shape"]))}'
                               for name, about in graph['inputs'].items())
            lines += [f'{graph["file"]}: operators {", ".join(graph["operators"])}',
                      f'{graph["file"]}: inputs {shapes}']
        return [*lines, *verify.lines_of(self.compared), f'to compare again, without torch: python '
                                        f'{self.path / "verify.py"}']


def export_folder(config: str | PathLike | Config, checkpoint: str | PathLike | None,
                  out: str | PathLike, graphs_of: GraphsOf,
                  clouds: Sequence[str | PathLike] = (), cfg_options: dict | None = None
                  ) -> FolderReport:
    """Export a detector with the graphs that a plug-in makes of it.

    Args:
        config: of the detector.
        checkpoint: its weights; None exports the initial ones.
        out: the folder to make; nothing is left there where a comparison fails.
        graphs_of: from the detector in evaluation mode, its config and the clouds to graphs.
        clouds: float32 files to compare on, where the detector sees points.
        cfg_options: dotted keys that override the config.

    Raises:
        BackendUnavailable: if onnx, onnxruntime or onnxscript is not installed.
        ConfigError: if a part of the detector has no graph, or the folder holds something else.
        PluginError: if a graph is in no plug-in's contract, or not what that says.
        DataError: if a graph gives something else than PyTorch.
    """
    require_packages()
    refuse_place(out)
    config, opened = open_with_config(config, checkpoint, cfg_options)
    if checkpoint is None:
        without_pretrained(config.model)
    MMLogger.get_current_instance().setLevel('WARNING')  # or it lists every initialized weight
    detector = build_model(config, opened)
    refuse_device(detector)
    about = dict(config=Path(config.filename or 'config').stem,
                 checkpoint=None if checkpoint is None else Path(str(checkpoint)).name,
                 weights=weights_sum(detector))
    graphs = graphs_of(detector, config, clouds)
    refuse_unstated(graphs)
    return write_folder(detector, graphs, out, about)


def write_folder(detector: nn.Module, graphs: Sequence[Graph], out: str | PathLike,
                 about: Mapping[str, Any] | None = None) -> FolderReport:
    """Write graphs of a detector into a new folder, verified from there.

    Args:
        about: more for the manifest.

    Raises:
        ConfigError: if some parameters of the detector are in no graph.
        PluginError: if a graph is not what its plug-in's contract says.
        DataError: if a graph gives something else than PyTorch.
    """
    refuse_place(out)
    refuse_uncovered(detector, graphs)
    out = Path(out)
    with atomic_folder(out) as temporary:
        entries = tuple(_write_graph(graph, temporary) for graph in graphs)
        _write_manifest(temporary, entries, about or {})
        compared = tuple(verified(temporary))
    return FolderReport(out, entries, compared)


def refuse_place(out: str | PathLike) -> None:
    """Refuse a place that is no new or empty folder.

    Raises:
        ConfigError: if something is there already.
    """
    path = Path(out)
    if path.is_dir() and any(path.iterdir()) or path.exists() and not path.is_dir():
        raise ConfigError(f'{path} is there already; name a new folder, or remove it first')
    check_place(path)


def refuse_uncovered(detector: nn.Module, graphs: Sequence[Graph]) -> None:
    """Refuse a model with parameters that no graph computes with and that a detection needs.

    Raises:
        ConfigError: naming them.
    """
    covered = tuple(start for graph in graphs
                    for start in (*graph.covers, *graph.training_alone))
    left = sorted({name.partition('.')[0] for name, _ in detector.named_parameters()
                   if not name.startswith(covered)})
    if left:
        raise ConfigError(f'the parameters of {", ".join(left)} of {type(detector).__name__} are '
                          f'in no graph ({", ".join(graph.name for graph in graphs)}); without '
                          f'them the export would not be the detector')


def refuse_unstated(graphs: Sequence[Graph]) -> None:
    """Refuse graphs that no installed plug-in says it exports.

    Raises:
        PluginError: naming them.
    """
    stated = [each for owner in plugins().values() for made in owner.exports.values()
              for each in made]
    unknown = [graph.name for graph in graphs if graph.stated not in stated]
    if unknown:
        raise PluginError(f'no installed plug-in says that it exports the graphs '
                          f'{", ".join(unknown)} as they are held to here: enter what Graph.stated '
                          f'is into exports of its contract')


def _write_graph(graph: Graph, folder: Path) -> dict[str, Any]:
    proto = onnx.load_from_string(graph.content)
    domains = sorted({node.domain for node in proto.graph.node} - {''})
    opset = next(each.version for each in proto.opset_import if each.domain == '')
    inputs = {value.name: _about(value, graph.dynamic.get(value.name, {}))
              for value in proto.graph.input}
    outputs = {value.name: _about(value, {}) for value in proto.graph.output}
    hold_to_statement(graph, {name: about['shape'] for name, about in inputs.items()},
                      list(outputs), set(domains), opset)
    arrays, cases = _samples(graph, list(inputs), list(outputs))
    write_bytes_atomically(folder / f'{graph.name}.onnx', graph.content)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    write_bytes_atomically(folder / f'{graph.name}.npz', buffer.getbuffer())
    rows_by = None if graph.rows_by is None else dict(
        key=graph.rows_by.key, outputs=list(graph.rows_by.outputs), share=graph.rows_by.share)
    return dict(
        file=f'{graph.name}.onnx', samples=f'{graph.name}.npz', summary=graph.stated.summary,
        opset=opset, domains=domains,
        needs=['numpy', 'onnxruntime', *(['onnx'] if domains else [])],
        operators=sorted({f'{node.domain}::{node.op_type}' if node.domain else node.op_type
                          for node in proto.graph.node}),
        inputs=inputs, outputs=outputs, dynamic=list(graph.stated.dynamic),
        tolerance=graph.stated.tolerance, periods=dict(graph.periods), rows_by=rows_by,
        cases=cases, training_alone=list(graph.training_alone),
        afterwards=dict(graph.afterwards))


def _samples(graph: Graph, inputs: Sequence[str],
             outputs: Sequence[str]) -> tuple[dict[str, np.ndarray], list[dict[str, Any]]]:
    arrays, cases = {}, []
    for sample in graph.samples:
        with torch.no_grad():
            # Clones: some layers of mmdet3d write into what they are given.
            found = graph.reference({name: value.clone()
                                     for name, value in sample.inputs.items()})
        for name in inputs:
            value = sample.inputs[name]
            copies = sample.copies.get(name, 1)
            arrays[f'{sample.name}/in/{name}'] = _array(value[:len(value) // copies]
                                                        if copies > 1 else value)
        compared = list(sample.compared or outputs)
        arrays |= {f'{sample.name}/out/{name}': _array(found[name]) for name in compared}
        cases.append(dict(name=sample.name, compared=compared, copies=dict(sample.copies)))
    return arrays, cases


def _write_manifest(folder: Path, entries: Sequence[Mapping[str, Any]],
                    about: Mapping[str, Any]) -> None:
    shipped = files('sparse3d.deploy.folder')
    sparse = any(entry['domains'] for entry in entries)
    for name in ('verify.py', *(['reference_operators.py'] if sparse else [])):
        write_bytes_atomically(folder / name, shipped.joinpath(name).read_bytes())
    sums = {path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.iterdir())}
    manifest = dict(format=FORMAT, sparse3d=__version__, **about, graphs=list(entries),
                    **(dict(autoware=AUTOWARE) if sparse else {}), sha256=sums)
    write_bytes_atomically(folder / MANIFEST, json.dumps(manifest, indent=1).encode())


def verified(folder: Path) -> list[tuple[str, str, float]]:
    """What ``verify.py`` finds in a folder that is being written.

    Raises:
        DataError: if an output is not as it should be.
    """
    try:
        return verify.check_folder(folder)
    except verify.Different as error:
        raise DataError(f'{error}; nothing was written') from error


def _about(value: onnx.ValueInfoProto, dynamic: Mapping[int, str]) -> dict[str, Any]:
    tensor = value.type.tensor_type
    shape = [dynamic.get(axis) or (dim.dim_value if dim.HasField('dim_value') else dim.dim_param)
             for axis, dim in enumerate(tensor.shape.dim)]
    return dict(type=TYPES[tensor.elem_type], shape=shape)


def _array(value: Tensor) -> np.ndarray:
    return value.detach().cpu().contiguous().numpy()


def without_pretrained(model: dict) -> None:
    """Initial weights need no file of pretrained ones, wherever a part names it."""
    for value in model.values():
        if isinstance(value, dict):
            if str((value.get('init_cfg') or {}).get('type', '')) == 'Pretrained':
                value.pop('init_cfg')
            without_pretrained(value)
