"""The picture of trainings with few labels: precision against labeled frames, losses by epoch."""
from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from os import PathLike
from statistics import mean
from typing import Any

from sparse3d.atomic_files import write_bytes_atomically
from sparse3d.errors import DataError
from sparse3d.transforms.text_files import read_json

METRIC = 'kitti/Car_3D_R40_moderate'


def precision_of(runs: Mapping[int, list[dict[str, Any]]],
                 metric: str = METRIC) -> dict[str, dict[int, list[float]]]:
    """Name of a row -> labeled frames -> its value for each seed.

    Args:
        runs: labeled frames -> ``runs`` of a file of ``sparse3d compare``.

    Raises:
        DataError: if a run has no such metric, or there is none.
    """
    values: dict[str, dict[int, list[float]]] = {}
    for frames, of_frames in sorted(runs.items()):
        for run in of_frames:
            if metric not in run['metrics']:
                raise DataError(f'the run {run["name"]}, seed {run["seed"]}, has no {metric}; '
                                f'compare detectors that are scored with it')
            values.setdefault(run['name'], {}).setdefault(frames, []).append(run['metrics'][metric])
    if not values:
        raise DataError('there are no runs to draw; make some with "sparse3d compare"')
    return values


def draw_label_curves(files: Mapping[int, str | PathLike], path: str | PathLike,
                      metric: str = METRIC) -> None:
    """Draw stored trainings: mean and range of the seeds, and the mean loss of each epoch.

    Args:
        files: labeled frames -> file of ``sparse3d compare``.
        path: ``.webp`` or ``.png`` file.

    Raises:
        DataError: if a file cannot be read or has other runs.
    """
    from matplotlib.figure import Figure
    runs = {frames: _runs(file) for frames, file in files.items()}
    precision = precision_of(runs, metric)
    figure = Figure(figsize=(5 * (1 + len(runs)), 4), layout='constrained')
    first, *others = figure.subplots(1, 1 + len(runs))
    for name, of_frames in precision.items():
        frames = sorted(of_frames)
        means = [mean(of_frames[each]) for each in frames]
        away = [[middle - min(of_frames[each]) for each, middle in zip(frames, means, strict=True)],
                [max(of_frames[each]) - middle for each, middle in zip(frames, means, strict=True)]]
        first.errorbar(frames, means, away, marker='o', capsize=4, label=name)
    first.set(xlabel='labeled frames', title=metric.rpartition('/')[2], xlim=(0, None),
              ylim=(0, None))
    for axes, (frames, of_frames) in zip(others, sorted(runs.items()), strict=True):
        for name in precision:
            curves = [run['loss_by_epoch'] for run in of_frames
                      if run['name'] == name and run.get('loss_by_epoch')]
            if curves:
                losses = [mean(each) for each in zip(*curves, strict=True)]
                axes.plot(range(1, len(losses) + 1), losses, label=name)
        axes.set(xlabel='epoch', title=f'loss, {frames} labeled frames', yscale='log')
    for axes in (first, *others):
        axes.grid(alpha=0.3)
        axes.legend()
    stream = BytesIO()
    figure.savefig(stream, format='webp' if str(path).endswith('.webp') else 'png', dpi=110)
    write_bytes_atomically(path, stream.getvalue())


def _runs(file: str | PathLike) -> list[dict[str, Any]]:
    content = read_json(file)
    runs = content.get('runs') if isinstance(content, dict) else None
    if not isinstance(runs, list):
        raise DataError(f'{file} is not a file of "sparse3d compare"')
    return runs
