"""Learning curves as a picture in the folder of a training."""
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

from sparse3d.engine.training_log import LoggedTraining, read_training
from sparse3d.errors import DataError
from sparse3d.visualization.picture_files import as_text, save_figure

if TYPE_CHECKING:  # the hook is registered where no curve is drawn
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PICTURE = 'learning_curves.png'
NO_METRICS = {'step', 'time', 'data_time', 'epoch', 'iter'}
MOST_METRICS = 6  # lines that can still be told apart
OVERALL = ('mAP', 'NDS', 'moderate', 'mAPH')  # in names of metrics that stand for many


@HOOKS.register_module()
class LearningCurvesHook(Hook):
    """Draw loss parts, learning rate and metrics anew after each epoch and each validation.

    The picture ``learning_curves.png`` in the work folder takes the place of the one before as
    a whole. It is drawn from the logs, those before a resume included. A log or a disk that does
    not let it be drawn is said once, and the training goes on.

    Args:
        metrics: names of the metrics to draw; None: those that ``save_best`` of the checkpoint
            hook names, else the overall ones, six at most.
    """

    priority = 'LOWEST'  # the logger has written before

    def __init__(self, metrics: list[str] | None = None) -> None:
        self.metrics, self.failed = metrics, False

    def after_train_epoch(self, runner: Any) -> None:
        """Draw what the epoch has logged."""
        self._draw(runner)

    def after_val_epoch(self, runner: Any, metrics: dict | None = None) -> None:
        """Draw the metrics of a validation within a training."""
        if not isinstance(runner._train_loop, dict) and runner._train_loop is not None:
            self._draw(runner)

    @master_only
    def _draw(self, runner: Any) -> None:
        if self.failed:
            return
        try:
            logged = read_training(runner.work_dir)
            if logged.iterations:
                save_figure(draw_curves(logged, self.metrics or _best_by(runner)),
                            Path(runner.work_dir) / PICTURE)
        except DataError as error:  # a picture is no reason to end a training
            self.failed = True
            runner.logger.warning(f'{PICTURE} is not drawn: {error}')


def _best_by(runner: Any) -> list[str] | None:
    """The metrics that the best checkpoint is chosen by, if any."""
    for hook in runner.hooks:
        named = getattr(hook, 'key_indicators', None)
        if named and named != ['auto']:
            return list(named)
    return None


def draw_curves(logged: LoggedTraining, metrics: list[str] | None = None) -> Figure:
    """A figure with losses and learning rate by iteration, and metrics below them, by epoch or by
    iteration as the training counts.

    Args:
        logged: with at least one iteration.
        metrics: names to draw, see :class:`LearningCurvesHook`.
    """
    from matplotlib.figure import Figure
    chosen, number = _chosen(logged.validations, metrics)
    figure = Figure(figsize=(8, 9 if chosen else 6), layout='constrained')
    axes = figure.subplots(3 if chosen else 2, 1)
    names = dict.fromkeys(name for row in logged.iterations for name in row if 'loss' in name)
    for name in names:
        _line(axes[0], logged.iterations, name, 2.0 if name == 'loss' else 1.0)
    axes[0].set(ylabel='loss', yscale='log' if _positive(logged.iterations, names) else 'linear')
    axes[0].legend(frameon=False, fontsize='x-small', ncols=2)
    _line(axes[1], logged.iterations, 'lr', 1.6)
    axes[1].set(xlabel='iteration', ylabel='learning rate')
    if chosen:
        for name in chosen:
            _line(axes[2], logged.validations, name, 1.6, 'o-')
        axes[2].set(xlabel='epoch' if 'epoch' in logged.iterations[0] else 'iteration',
                    ylabel='metric' if len(chosen) == number
                    else f'{len(chosen)} of {number} metrics')
        axes[2].legend(frameon=False, fontsize='x-small')
    for part in axes:
        part.grid(alpha=0.25)
    return figure


def _line(axes: Axes, rows: list[dict], name: str, width: float, style: str = '-') -> None:
    points = [(row['step'], row[name]) for row in rows if name in row]
    if points:
        axes.plot(*zip(*points, strict=True), style, linewidth=width, markersize=3,
                  label=as_text(name))


def _positive(rows: list[dict], names: dict) -> bool:
    return all(row[name] > 0 for row in rows for name in names if name in row)


def _chosen(rows: list[dict], wanted: list[str] | None) -> tuple[list[str], int]:
    """The metrics to draw, and how many there are."""
    names = list(dict.fromkeys(
        name for row in rows for name, value in row.items()
        if name not in NO_METRICS and isinstance(value, int | float)))
    chosen = [name for name in names if name in (wanted or ())]
    if not chosen:
        chosen = [name for name in names if any(word in name for word in OVERALL)] or names
    return chosen[:MOST_METRICS], len(names)
