"""What float16 and int8 cost: a detector's score in PyTorch, and with its graphs in each precision.

    python -m sparse3d_benchmarks.precision_scores CONFIG CHECKPOINT --out results/a.json

exports the detector, makes its graphs coarser (int8_static calibrated on frames of the training
set), and evaluates the test set of the config with each of them in ONNX Runtime.
"""
from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sparse3d.errors import ConfigError

NAME = 'sparse3d_benchmarks.precision_scores'
WHOLE, STATIC = 'float32', 'int8_static'
PRECISIONS = (WHOLE, 'float16', 'int8_dynamic', STATIC)


def scores(config: str, checkpoint: str, precisions: Sequence[str] = PRECISIONS,
           frames: int = 32, cfg_options: dict | None = None) -> list[dict[str, Any]]:
    """``name``, ``metrics`` and, of graphs, ``differences`` from PyTorch on drawn samples.

    Args:
        config, checkpoint, cfg_options: as of :func:`sparse3d.apis.test`.
        precisions: which.
        frames: to calibrate on.

    Raises:
        Sparse3DError: as the export and the test.
    """
    from sparse3d.apis import test
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)

        def run(name: str, exported: Path | None, **more: Any) -> dict[str, Any]:
            metrics = test(config, checkpoint, folder / 'logs', cfg_options, exported=exported)
            print(f'{name}: ' + ', '.join(f'{key.rsplit("/", 1)[-1]} {value:.4g}' for key, value
                                          in list(metrics.items())[:6]), flush=True)
            return dict(name=name, metrics=metrics, **more)

        runs = [run('PyTorch', None)]
        for name, out, differences in _folders(config, checkpoint, folder, precisions, frames,
                                               cfg_options):
            runs.append(run(f'ONNX Runtime, {name}', out, differences=differences))
    return runs


def _folders(config: str, checkpoint: str, folder: Path, precisions: Sequence[str], frames: int,
             cfg_options: dict | None):
    """Precision, export folder and differences by graph, one after the other."""
    from sparse3d.apis.lowered_export import calibration_inputs
    from sparse3d.deploy.export import export
    from sparse3d.deploy.lowered_folder import lower_folder
    whole = folder / WHOLE
    report = export(config, checkpoint, whole, cfg_options=cfg_options)
    seen = calibration_inputs(config, checkpoint, whole, frames, cfg_options) \
        if STATIC in precisions else {}
    for precision in precisions:
        if precision == WHOLE:
            files = dict.fromkeys(file for file, _, _ in report.compared)
            yield precision, whole, {name: max(largest for file, _, largest in report.compared
                                               if file == name) for name in files}
            continue
        lower = lower_folder(whole, folder / precision, precision, seen)
        yield precision, lower.path, {graph['file']: graph.get('differences')
                                      for graph in lower.graphs}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config file, or its bare name')
    parser.add_argument('checkpoint', help='trained weights')
    parser.add_argument('--precisions', nargs='+', choices=PRECISIONS, default=list(PRECISIONS))
    parser.add_argument('--calibration-frames', type=int, default=32, metavar='N')
    parser.add_argument('--out', metavar='FILE.json', help='write the runs with how they were made')
    parser.add_argument('--cfg-options', nargs='+', metavar='KEY=VALUE',
                        help='override the config')
    given = parser.parse_args(arguments)
    from sparse3d.apis.command_line import run_command
    raise SystemExit(run_command(lambda: _run(given)))


def _run(given: argparse.Namespace) -> None:
    from sparse3d.atomic_files import check_place
    from sparse3d.engine.config_options import parse_options
    from sparse3d.engine.result_record import write_result
    if given.calibration_frames < 1:
        raise ConfigError(f'there are {given.calibration_frames} frames to calibrate on; take 1 at '
                          f'least')
    if given.out:
        check_place(given.out)
    options = parse_options(given.cfg_options)
    runs = scores(given.config, given.checkpoint, given.precisions, given.calibration_frames,
                  options)
    if given.out:
        write_result(given.out, dict(
            command=shlex.join(['python', '-m', NAME, *sys.argv[1:]]), config=given.config,
            checkpoint=Path(given.checkpoint).name, options=options,
            calibration_frames=given.calibration_frames, runs=runs))
        print(f'{len(runs)} runs written to {given.out}')


if __name__ == '__main__':
    main()
