"""An evaluation taken apart: what is found, what is not, and what the mistakes look like."""
from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from mmengine.config import Config

from sparse3d.apis.analyzed_results import AnalyzedResults, Options, analyze_results, same_frames
from sparse3d.apis.error_report import (
    write_benchmark,
    write_comparison,
    write_curves,
    write_frames,
    write_mistakes,
)
from sparse3d.apis.track_report import write_tracking
from sparse3d.atomic_files import check_place, make_folder
from sparse3d.engine.checkpoint_config import open_with_config
from sparse3d.engine.training_log import read_losses
from sparse3d.errors import ConfigError, DataError
from sparse3d.metrics.score_curves import compare_paired
from sparse3d.visualization.html_report import HtmlReport

Some = str | PathLike | Sequence[str | PathLike] | None


def analyze(
        config: str | PathLike | Config,
        checkpoint: Some = None,
        out: str | PathLike = 'report',
        frames: int | None = None,
        score_threshold: float = 0.3,
        iou_threshold: float | None = None,
        worst: int = 6,
        split: str = 'test',
        cfg_options: dict[str, Any] | None = None,
        device: str | None = None,
        results: Some = None,
) -> Path:
    """Predict frames of a split, or take the results of another tool, sort the mistakes, and
    write ``<out>/report.html``.

    With two sets of detections (two checkpoints, two result files, or one of each) they stand
    side by side, with their difference and its interval. Results of a tracker get a section on
    identities, with the ten worst switches drawn.

    Args:
        config: path of a config file, or a Config.
        checkpoint: file with the weights, or several, or None with ``results``.
        out: folder for the report and the pictures of the worst and best frames.
        frames: how many, spread evenly over the split; default: all, as the benchmark wants it.
        score_threshold: mistakes are counted among the detections from this score on; the curves
            use all from 0.05 on, the benchmark's numbers use all.
        iou_threshold: intersection over union in BEV that counts as found; default: the rule of
            the benchmark.
        worst: frames with the most, and with the fewest, mistakes that are drawn.
        split: ``'train'``, ``'val'`` or ``'test'``.
        cfg_options: dotted keys and values that override the config.
        device: of the model; default: the GPU if there is one.
        results: result file of any tool, or several; see
            :mod:`sparse3d.structures.result_files`.

    Returns:
        The report.

    Raises:
        ConfigError, CheckpointError, DataError: as :func:`sparse3d.apis.test`; and DataError
            if the split has no labels; ConfigError for no or more than two sets of detections.
    """
    sources = [(path, True) for path in _several(checkpoint)]
    sources += [(path, False) for path in _several(results)]
    if not 1 <= len(sources) <= 2:
        raise ConfigError(f'an analysis needs detections: give a checkpoint or --results FILE, or '
                          f'two to compare; these are {len(sources)}')
    _refuse_odd_numbers(score_threshold, iou_threshold, worst)
    for path, is_checkpoint in sources:  # the second one's fault is told before the first is run
        if not is_checkpoint and not Path(path).exists():
            raise DataError(f'{path} does not exist')
    check_place(Path(out) / 'report.html')
    options = Options(frames, score_threshold, iou_threshold, worst, split, device)
    titles = _titles([Path(path) for path, _ in sources])
    sets, name = [], ''
    for (path, is_checkpoint), title in zip(sources, titles, strict=True):
        opened_config, opened = open_with_config(config, path if is_checkpoint else None,
                                                 cfg_options)
        name = Path(str(opened_config.filename)).stem
        sets.append(analyze_results(opened_config, opened, None if is_checkpoint else Path(path),
                                    title, options))
    if len(sets) == 2:
        same_frames(*sets)
    make_folder(out)
    report = HtmlReport(
        f'{name}: what it finds and what it misses',
        f'{len(sets[0].frame_names)} frames of the split {split}; {", ".join(titles)}; mistakes '
        f'from score {score_threshold:g} on')
    _fill(report, sets, Path(out))
    for path, is_checkpoint in sources[:1] if len(sources) == 1 else ():
        if not is_checkpoint:
            write_tracking(report, opened_config, split, Path(path), Path(out))
    if len(sets) == 1 and sources[0][1]:
        _write_training(report, Path(sources[0][0]).parent)
    return report.write(Path(out) / 'report.html')


def _fill(report: HtmlReport, sets: list[AnalyzedResults], out: Path) -> None:
    write_benchmark(report, sets)
    if len(sets) == 2:
        one, other = sets
        write_comparison(report, one, other, compare_paired(one.ranked(), other.ranked()))
    write_curves(report, sets)
    write_mistakes(report, sets)
    for letter, made in zip(('a_', 'b_'), sets, strict=False):
        if len(sets) == 2:
            report.section(f'Frames: {made.title}')
        write_frames(report, made, out, letter if len(sets) == 2 else '')


def _refuse_odd_numbers(score_threshold: float, iou_threshold: float | None, worst: int) -> None:
    if score_threshold != score_threshold:
        raise ConfigError('the score threshold is NaN; give a number')
    if iou_threshold is not None and not 0 < iou_threshold <= 1:
        raise ConfigError(f'the IoU threshold is {iou_threshold:g}; overlaps lie between 0 and 1')
    if worst < 0:
        raise ConfigError(f'the number of frames to draw is {worst}; give 0 or more')


def _several(given: Some) -> list[str | PathLike]:
    if given is None:
        return []
    return [given] if isinstance(given, str | PathLike) else list(given)


def _titles(paths: list[Path]) -> list[str]:
    """Names that tell two files apart, with as much of their folders as that takes."""
    for parts in range(1, max((len(path.parts) for path in paths), default=1) + 1):
        titles = ['/'.join(path.parts[-parts:]) for path in paths]
        if len(set(titles)) == len(titles):
            return titles
    return [f'{path.name} ({place})' for place, path in enumerate(paths, 1)]


def _write_training(report: HtmlReport, work_dir: Path) -> None:
    """The loss along the training, if its log lies beside the checkpoint."""
    try:
        points = [(logged.step, logged.loss) for logged in read_losses(work_dir)]
    except DataError as error:  # the scores are worth their page without the log
        report.section('Training', f'The log of the training is not shown: {error}')
        return
    if len(points) < 2:
        return
    figure = Figure(figsize=(7, 3.4), layout='constrained')
    axes = figure.add_subplot(xlabel='iteration', ylabel='loss')
    axes.plot(*zip(*points, strict=True), linewidth=1.6, color='#2a6fbb')
    axes.grid(alpha=0.25)
    report.section('Training')
    report.chart(figure)
