"""Exported graphs on a CPU: ONNX Runtime in four precisions, AOTInductor, and eager PyTorch.

Every way runs in a process of its own (:mod:`sparse3d_benchmarks.graph_process`), on one drawn
sample; weights are initial ones. Times are processor time, which a busy machine changes little;
with one thread they are the latency of an idle one. What int8 does to a score is not seen here:
``sparse3d export --precision`` and ``sparse3d test --exported`` tell it of trained weights.
"""
from __future__ import annotations

import io
import json
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes
from mmengine.config import Config
from torch import Tensor, nn

from sparse3d.atomic_files import write_bytes_atomically
from sparse3d.deploy.export_folder import without_pretrained, write_folder
from sparse3d.deploy.folder import verify
from sparse3d.deploy.graph_host import Run, use_graphs
from sparse3d.deploy.graphs import Graph
from sparse3d.deploy.lowered_folder import lower_folder
from sparse3d.deploy.precision import PRECISIONS
from sparse3d.deploy.voxel_inputs import clouds_of
from sparse3d.engine.build_model import build_model
from sparse3d.engine.load_config import load_config
from sparse3d.errors import DataError, Sparse3DWarning
from sparse3d_benchmarks import graph_process

GraphsOf = Callable[[nn.Module, Config], Sequence[Graph]]
SPREAD = ' of an idle core with one thread; drawn sample, initial weights'


def pointpillars(threads: int = 1, repeats: int = 10) -> list[dict]:
    """Rows of PointPillars."""
    from sparse3d.deploy.voxel_export import columns_of, voxel_graphs
    return rows_of('PointPillars', 'pointpillars_simulated_kitti_car', voxel_graphs, threads,
                   repeats, columns_of)


def dsvt(threads: int = 1, repeats: int = 10) -> list[dict]:
    """Rows of DSVT."""
    from dsvt.onnx_export import dsvt_graphs
    return rows_of('DSVT', 'dsvt_centerpoint_simulated_kitti_car', dsvt_graphs, threads, repeats,
                   lambda detector: detector.voxel_encoder.pfn_layers[0].linear.in_features - 6)


def sparsebev(threads: int = 1, repeats: int = 10) -> list[dict]:
    """Rows of SparseBEV."""
    from sparsebev.onnx_export import sparsebev_graphs
    return rows_of('SparseBEV', 'sparsebev_simulated_nuscenes', sparsebev_graphs, threads, repeats)


def sparse4d(threads: int = 1, repeats: int = 10) -> list[dict]:
    """Rows of Sparse4D."""
    from sparse4d.onnx_export import sparse4d_graphs
    return rows_of('Sparse4D', 'sparse4d_simulated_nuscenes', sparse4d_graphs, threads, repeats)


def sparse_dense_fusion(threads: int = 1, repeats: int = 10) -> list[dict]:
    """Rows of Sparse-Dense Fusion: its graphs of standard operators."""
    from sparse_dense_fusion.onnx_export import fusion_graphs
    return rows_of('Sparse-Dense Fusion', 'sdf_simulated_nuscenes', fusion_graphs, threads, repeats)


def rows_of(system: str, config: str, graphs_of: GraphsOf, threads: int, repeats: int,
            columns_of: Callable[[nn.Module], int] | None = None) -> list[dict]:
    """Rows ``system, graph, way: what`` for every graph that ONNX Runtime runs.

    Args:
        system: its name.
        config: bare name.
        graphs_of: of the plug-in's exporter.
        columns_of: of the points of a detector on clouds, whose stages are measured too.
    """
    loaded = load_config(config)
    without_pretrained(loaded.model)
    torch.manual_seed(0)
    detector = build_model(loaded)
    graphs = list(graphs_of(detector, loaded))
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        write_folder(detector, graphs, place / 'float32')
        manifest = json.loads((place / 'float32' / 'export.json').read_text())
        inputs = {entry['file']: _first_inputs(place / 'float32', entry)
                  for entry in manifest['graphs']}
        rows = []
        for graph, entry in zip(graphs, manifest['graphs'], strict=True):
            if not entry['domains']:
                rows += _rows_of_graph(f'{system}, {graph.name}', graph,
                                       _files(graph, place, inputs), inputs[entry['file']],
                                       (threads, repeats))
        if columns_of is not None:
            rows += stage_rows(system, detector, loaded, place / 'float32',
                               clouds_of(columns_of(detector), ())['drawn sweep'],
                               (threads, repeats))
    return rows


def _files(graph: Graph, place: Path, inputs: Mapping[str, Mapping[str, np.ndarray]]
           ) -> Iterator[tuple[str, str, Path, float | None]]:
    """Name, way, file and difference from PyTorch of everything that runs the graph."""
    if graph.module is not None:
        program = torch.export.export(
            graph.module, (), dict(inputs=dict(graph.samples[0].inputs)),
            dynamic_shapes=None if graph.changing is None else {'inputs': {
                name: graph.changing.get(name, {}) for name in graph.samples[0].inputs}})
        torch.export.save(program, place / 'eager.pt2')
        yield 'PyTorch, eager', 'eager', place / 'eager.pt2', None
        if (compiled := _compiled(graph.name, program, place / 'aotinductor.pt2')) is not None:
            yield 'AOTInductor', 'aotinductor', compiled, None
    yield ('ONNX Runtime, float32', 'onnxruntime', place / 'float32' / f'{graph.name}.onnx',
           _apart(place / 'float32', graph.name))
    for precision in PRECISIONS:
        out = place / precision
        if not out.exists():
            lower_folder(place / 'float32', out, precision,
                         {Path(name).stem: [each] for name, each in inputs.items()})
        yield (f'ONNX Runtime, {precision}', 'onnxruntime', out / f'{graph.name}.onnx',
               _apart(out, graph.name))


def _compiled(name: str, program: torch.export.ExportedProgram, place: Path) -> Path | None:
    """The package of a program; None, with a warning, where AOTInductor cannot make it."""
    from torch._inductor import aoti_compile_and_package
    try:
        return Path(aoti_compile_and_package(program, package_path=str(place)))
    except Exception as error:  # of many kinds: a compiler that is missing, an operator
        first = (str(error).strip().splitlines() or [''])[0]
        warnings.warn(f'{name} has no row of AOTInductor, which cannot compile it: '
                      f'{type(error).__name__} {first:.120}', Sparse3DWarning, stacklevel=2)
        return None


def _rows_of_graph(name: str, graph: Graph, files: Iterator[tuple], inputs: Mapping[str, Any],
                   counts: tuple[int, int]) -> list[dict]:
    rows, eager = [], None
    whole = {key: value.numpy() for key, value in graph.samples[0].inputs.items()}
    for kind, way, file, apart in files:
        # The ONNX file lacks inputs that nothing reads.
        found = in_process(way, file, inputs if way == 'onnxruntime' else whole, *counts)
        eager = found['milliseconds'] if way == 'eager' else eager
        spent = found['milliseconds']
        rows.append(dict(name=f'{name}, {kind}: latency', value=spent, unit='ms', baseline=eager,
                         ratio=None if eager is None else eager / spent,
                         note=f'processor time{SPREAD}; against eager PyTorch'))
        if found['mebibytes'] is not None:
            rows.append(dict(name=f'{name}, {kind}: memory', value=found['mebibytes'], unit='MiB',
                             note='of the process, above what its imports hold'))
        rows.append(dict(name=f'{name}, {kind}: file', value=file.stat().st_size / 1e6, unit='MB'))
        if apart is not None:
            rows.append(dict(name=f'{name}, {kind}: apart', value=apart, unit='',
                             note='from PyTorch at most, of the largest value of an output'))
    return rows


def in_process(way: str, file: Path, inputs: Mapping[str, np.ndarray], threads: int,
               repeats: int) -> dict[str, Any]:
    """What :mod:`sparse3d_benchmarks.graph_process` measures.

    Raises:
        DataError: with the last line of what went wrong there.
    """
    with tempfile.TemporaryDirectory() as folder:
        stored = Path(folder) / 'inputs.npz'
        buffer = io.BytesIO()
        np.savez(buffer, **inputs)
        write_bytes_atomically(stored, buffer.getbuffer())
        done = subprocess.run(
            [sys.executable, graph_process.__file__, way, str(file), str(stored), str(threads),
             str(repeats)], capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ['no word'])[-1]
        raise DataError(f'{file.name} cannot be measured by {way}: {last}')
    return json.loads(done.stdout.splitlines()[-1])


@torch.no_grad()
def stage_rows(system: str, detector: nn.Module, config: Config, folder: Path, cloud: Tensor,
               counts: tuple[int, int]) -> list[dict]:
    """A frame from points to detections, stage by stage, with the graphs of a folder.

    Args:
        detector: is changed: it predicts with the graphs from here on.
        cloud: points [N, C].
        counts: threads of ONNX Runtime, and timed frames.
    """
    threads, repeats = counts
    spent: dict[str, float] = {}
    use_graphs(detector, config, {
        path.stem: _timed(path, threads, spent) for path in sorted(folder.glob('*.onnx'))})
    frames: list[dict[str, float]] = []
    for _ in range(repeats + 1):
        spent.clear()
        sample = Det3DDataSample(metainfo=dict(box_type_3d=LiDARInstance3DBoxes))
        start = time.process_time()
        batch = detector.data_preprocessor(
            {'inputs': {'points': [cloud]}, 'data_samples': [sample]}, False)
        voxels = time.process_time()
        detector.predict(batch['inputs'], batch['data_samples'])
        host = time.process_time() - voxels - sum(spent.values())
        frames.append({'voxelization': voxels - start, **spent, 'between and behind graphs': host})
    note = f'processor time{SPREAD}; {len(cloud):,} points, graphs float32'
    return [dict(name=f'{system}, stages, {stage}: latency', unit='ms', note=note,
                 value=1e3 * median(frame[stage] for frame in frames[1:]))
            for stage in frames[-1]]


def _timed(path: Path, threads: int, spent: dict[str, float]) -> Run:
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, providers=['CPUExecutionProvider'])
    names = [value.name for value in session.get_outputs()]
    wanted = [value.name for value in session.get_inputs()]

    def run(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        given = {name: inputs[name].contiguous().numpy() for name in wanted}
        start = time.process_time()
        found = session.run(names, given)
        spent[path.stem] = spent.get(path.stem, 0.0) + time.process_time() - start
        return {name: torch.from_numpy(value) for name, value in zip(names, found, strict=True)}
    return run


def _first_inputs(folder: Path, entry: Mapping[str, Any]) -> dict[str, np.ndarray]:
    with np.load(folder / entry['samples']) as samples:
        return verify.inputs_of(entry, entry['cases'][0], samples)


def _apart(folder: Path, name: str) -> float:
    """Largest difference from PyTorch relative to the largest value of the output."""
    about = json.loads((folder / 'export.json').read_text())
    entry, = (each for each in about['graphs'] if each['file'] == f'{name}.onnx')
    run = verify.runner(folder, entry)
    with np.load(folder / entry['samples']) as samples:
        return max(apart / scale for case in entry['cases']
                   for apart, scale in verify.differences(run, entry, case, samples).values())
