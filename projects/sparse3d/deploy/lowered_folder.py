"""An export folder once more, its graphs in float16 or in 8-bit integers."""
from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from sparse3d.atomic_files import atomic_folder, write_bytes_atomically
from sparse3d.deploy.export_folder import MANIFEST, FolderReport, refuse_place, verified
from sparse3d.deploy.folder import verify
from sparse3d.deploy.precision import Inputs, lowered
from sparse3d.errors import ConfigError, DataError

ROOM = 1.5  # of what was measured: another processor adds up in another order


def lower_folder(source: str | PathLike, out: str | PathLike, precision: str,
                 frames: Mapping[str, Sequence[Inputs]] | None = None,
                 about: Mapping[str, Any] | None = None) -> FolderReport:
    """Write a folder whose graphs are those of another one in another precision.

    Samples and PyTorch's outputs stay. Differences from them are measured and written down, by
    output; ``verify.py`` of the new folder allows half as much again. Graphs with operators that
    ONNX Runtime does not have stay as they are.

    Args:
        source: an export folder.
        out: the folder to make.
        precision: see :func:`sparse3d.deploy.precision.lowered`.
        frames: inputs to calibrate on by the name of the graph.
        about: more for the manifest.

    Raises:
        ConfigError: if no graph can be lowered, or the place is taken.
        DataError: if an output is not finite in the new precision.
    """
    refuse_place(out)
    source, out = Path(source), Path(out)
    manifest = json.loads((source / MANIFEST).read_text())
    if all(graph['domains'] for graph in manifest['graphs']):
        raise ConfigError(f'all graphs of the export have operators that ONNX Runtime does not '
                          f'have, and it makes and runs {precision}; leave --precision out, and '
                          f'let the engine that has them choose')
    with atomic_folder(out) as temporary:
        for path in source.iterdir():
            if path.suffix != '.onnx' and path.name != MANIFEST:
                write_bytes_atomically(temporary / path.name, path.read_bytes())
        entries = [_lowered_entry(source, temporary, graph, precision, frames or {})
                   for graph in manifest['graphs']]
        sums = {path.name: hashlib.sha256(path.read_bytes()).hexdigest()
                for path in sorted(temporary.iterdir())}
        manifest |= dict(precision=precision, **(about or {}), graphs=entries, sha256=sums)
        write_bytes_atomically(temporary / MANIFEST, json.dumps(manifest, indent=1).encode())
        compared = tuple(verified(temporary))
    return FolderReport(out, tuple(entries), compared)


def _lowered_entry(source: Path, folder: Path, graph: Mapping[str, Any], precision: str,
                   frames: Mapping[str, Sequence[Inputs]]) -> dict[str, Any]:
    content = (source / graph['file']).read_bytes()
    if graph['domains']:
        write_bytes_atomically(folder / graph['file'], content)
        return dict(graph, precision='float32')
    name = Path(graph['file']).stem
    if precision == 'int8_static' and not frames.get(name):
        raise ConfigError(f'no frame of the data reached the graph {name}, so that nothing says '
                          f'how large its numbers get; take more --calibration-frames')
    content = lowered(content, precision, frames.get(name, ()))
    write_bytes_atomically(folder / graph['file'], content)
    proto = onnx.load_from_string(content)
    operators = sorted({f'{node.domain}::{node.op_type}' if node.domain else node.op_type
                        for node in proto.graph.node})
    return dict(graph, precision=precision, operators=operators,
                **_measured(folder, graph, precision))


def _measured(folder: Path, graph: Mapping[str, Any], precision: str) -> dict[str, Any]:
    """Differences by output, and the tolerance and share of rows that follow from them."""
    open_graph = dict(graph, rows_by=graph['rows_by'] and dict(graph['rows_by'], share=0))
    run = verify.runner(folder, graph)
    largest: dict[str, float] = {}
    relative, share = 0.0, 1.0
    with np.load(folder / graph['samples']) as samples:
        for case in graph['cases']:
            found = run(verify.inputs_of(graph, case, samples))
            _refuse_infinite(found, graph, case, samples, precision)
            apart = verify.differences(lambda _, found=found: found, open_graph, case, samples)
            for name, (difference, scale) in apart.items():
                largest[name] = max(difference, largest.get(name, 0.0))
                relative = max(relative, difference / scale)
            share = min(share, _share(found, graph, case, samples))
    rows_by = graph['rows_by'] and dict(graph['rows_by'], share=min(
        graph['rows_by']['share'], share / ROOM))
    return dict(differences=largest, tolerance=max(graph['tolerance'], ROOM * relative),
                rows_by=rows_by)


def _refuse_infinite(found: Mapping[str, np.ndarray], graph: Mapping[str, Any],
                     case: Mapping[str, Any], samples: Any, precision: str) -> None:
    """Before rows are matched: where nothing is finite, no row may be left to compare."""
    for name in case['compared']:
        expected = samples[f'{case["name"]}/out/{name}']
        if np.isfinite(expected).all() and not np.isfinite(found[name]).all():
            raise DataError(f'{name} of {graph["file"]} is not finite in {precision} '
                            f'({case["name"]}), with PyTorch it is; nothing was written')


def _share(found: Mapping[str, np.ndarray], graph: Mapping[str, Any], case: Mapping[str, Any],
           samples: Any) -> float:
    """How many of PyTorch's rows the graph keeps."""
    key = (graph['rows_by'] or {}).get('key')
    if key not in case['compared']:
        return 1.0
    theirs = samples[f'{case["name"]}/out/{key}'].reshape(-1)
    return len(np.intersect1d(found[key].reshape(-1), theirs)) / max(1, len(theirs))
