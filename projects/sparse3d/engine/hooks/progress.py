"""Lines of progress that can be read at a glance, with the time left."""
from __future__ import annotations

from datetime import timedelta

from mmdet3d.registry import LOG_PROCESSORS
from mmengine.runner import LogProcessor


@LOG_PROCESSORS.register_module()
class ProgressLines(LogProcessor):
    """Format one line per logged iteration; the logged scalars are those of mmengine.

    ``epoch  3/20   40/50   28%  1:31 left  loss 1.2034 (heatmap 0.81, bbox 0.39)  lr 3.1e-03``
    """

    def get_log_after_iter(self, runner, batch_idx: int, mode: str) -> tuple[dict, str]:
        """Scalars to store and the line to print after an iteration."""
        scalars, _ = super().get_log_after_iter(runner, batch_idx, mode)
        steps = self._get_dataloader_size(runner, mode)
        step = batch_idx + 1
        if mode == 'train':
            return scalars, self._training_line(runner, scalars, step, steps)
        title = {'val': 'validation', 'test': 'test'}[mode]
        return scalars, f'{title} {_count(step, steps)}  {_percent(step, steps)}{_left(runner)}'

    def get_log_after_epoch(self, runner, batch_idx: int, mode: str,
                            with_non_scalar: bool = False) -> tuple[dict, str]:
        """Metrics to store and the line to print after an evaluation.

        Benchmarks print their own tables; their many numbers are not repeated here.
        """
        metrics, _ = super().get_log_after_epoch(runner, batch_idx, mode, with_non_scalar)
        shown = {name: value for name, value in metrics.items()
                 if isinstance(value, int | float) and name not in ('time', 'data_time')}
        if len(shown) > 12:
            text = f'{len(shown)} metrics stored in {runner.log_dir}'
        else:
            text = '  '.join(f'{name} {value:.4f}' for name, value in shown.items())
        when = f' after epoch {self._get_epoch(runner, mode)}' if mode == 'val' else ''
        return metrics, f'metrics{when}: {text}'

    def _training_line(self, runner, scalars: dict, step: int, steps: int) -> str:
        if self.by_epoch:
            epoch = _count(runner.epoch + 1, runner.max_epochs)
            place = f'epoch {epoch}  {_count(step, steps)}'
        else:
            place = f'iteration {_count(runner.iter + 1, runner.max_iters)}'
        return (f'{place}  {_percent(runner.iter + 1, runner.max_iters)}{_left(runner)}'
                f'{_losses(scalars)}{_learning_rate(scalars)}{_seconds(scalars)}')


def _count(step: int, steps: int) -> str:
    return f'{step:>{len(str(steps))}}/{steps}'


def _percent(step: int, steps: int) -> str:
    return f'{100 * step // max(steps, 1):3d}%'


def _left(runner) -> str:
    if 'eta' not in runner.message_hub.runtime_info:
        return ''
    return f'  {timedelta(seconds=int(runner.message_hub.get_info("eta")))} left'


def _losses(scalars: dict) -> str:
    """The total loss, with its parts in brackets where there are several."""
    total = scalars.get('loss')
    parts = {name: value for name, value in scalars.items() if 'loss' in name and name != 'loss'}
    text = '' if total is None else f'  loss {total:.4f}'
    if len(parts) > 1:
        text += ' (' + ', '.join(f'{name} {value:.3f}' for name, value in parts.items()) + ')'
    return text


def _learning_rate(scalars: dict) -> str:
    return f'  lr {scalars["lr"]:.1e}' if 'lr' in scalars else ''


def _seconds(scalars: dict) -> str:
    return f'  {scalars["time"]:.2f} s/it' if 'time' in scalars else ''
