"""A warm-up by iteration in front of a cosine by epoch or iteration, as mmcv 1.x has it."""
from __future__ import annotations

from typing import Any

from mmengine.optim.scheduler.lr_scheduler import LRSchedulerMixin
from mmengine.registry import PARAM_SCHEDULERS

from sparse3d.engine.schedules.group_schedule import GroupSchedule, cosine
from sparse3d.errors import ConfigError


class _WarmUpCosine(GroupSchedule):

    def __init__(self, optimizer: Any, param_name: str, epoch_length: int | None,
                 warmup_steps: int, start_factor: float, eta_min_ratio: float,
                 by_iteration: bool, **kwargs: Any) -> None:
        if not epoch_length:
            raise ConfigError(f'{type(self).__name__} does not know how long an epoch is: give it '
                              f'by_epoch=True and convert_to_iter_based=True')
        self.epoch_length, self.warmup_steps = epoch_length, warmup_steps
        self.start_factor, self.eta_min_ratio = start_factor, eta_min_ratio
        self.by_iteration = by_iteration
        super().__init__(optimizer, param_name, **kwargs)

    @classmethod
    def options_of_epochs(cls, epoch_length: int) -> dict[str, Any]:
        """See :class:`GroupSchedule`."""
        return {'epoch_length': epoch_length}

    def factor(self, step: int) -> float:
        """See :class:`GroupSchedule`."""
        length = 1 if self.by_iteration else self.epoch_length
        begun = step // length * length
        value = cosine(1.0, self.eta_min_ratio, min(begun / self.total_steps, 1))
        if step < self.warmup_steps:
            value *= self.start_factor + (1 - self.start_factor) * step / self.warmup_steps
        return value


@PARAM_SCHEDULERS.register_module()
class ExactWarmUpCosineLR(LRSchedulerMixin, _WarmUpCosine):
    """Rates rise evenly by iteration, and fall along half a cosine, in steps of an epoch or of an
    iteration.

    mmengine's ``LinearLR`` ends its warm-up an iteration early, and its ``CosineAnnealingLR``
    behind one goes astray where an epoch ends within the warm-up.

    Args:
        optimizer: or its wrapper.
        epoch_length: iterations of an epoch; mmengine gives it with
            ``convert_to_iter_based=True``.
        warmup_steps: iterations of the warm-up.
        start_factor: the first rate by the group's own.
        eta_min_ratio: what the cosine falls to, by the group's own rate; the last epoch is one
            step above.
        by_iteration: fall in steps of an iteration.

    Further arguments: of :class:`sparse3d.engine.schedules.group_schedule.GroupSchedule`.

    Source: the cosine schedule of mmcv 1.x with linear warm-up.
    """

    def __init__(self, optimizer: Any, epoch_length: int | None = None, warmup_steps: int = 500,
                 start_factor: float = 1 / 3, eta_min_ratio: float = 1e-3,
                 by_iteration: bool = False, **kwargs: Any) -> None:
        super().__init__(optimizer, epoch_length=epoch_length, warmup_steps=warmup_steps,
                         start_factor=start_factor, eta_min_ratio=eta_min_ratio,
                         by_iteration=by_iteration, **kwargs)
