"""One cycle of learning rate and momentum, as OpenPCDet, det3d and mmcv 1.x have it."""
from __future__ import annotations

from typing import Any

from mmengine.optim.scheduler.lr_scheduler import LRSchedulerMixin
from mmengine.optim.scheduler.momentum_scheduler import MomentumSchedulerMixin
from mmengine.registry import PARAM_SCHEDULERS

from sparse3d.engine.schedules.group_schedule import GroupSchedule, cosine
from sparse3d.errors import ConfigError


class _OneCycle(GroupSchedule):
    """From one factor by a cosine to a second one, from there by another to a third one."""

    def __init__(self, optimizer: Any, param_name: str, factors: tuple[float, float, float],
                 pct_start: float, **kwargs: Any) -> None:
        if not 0 <= pct_start < 1:
            raise ConfigError(f'{type(self).__name__}: pct_start is {pct_start}; give the part of '
                              f'the cycle before its turn, at least 0 and less than 1')
        self.factors, self.pct_start = tuple(factors), pct_start
        super().__init__(optimizer, param_name, **kwargs)

    def factor(self, step: int) -> float:
        """See :class:`GroupSchedule`; the last factor would be reached one iteration later."""
        first, middle, last = self.factors
        turn = int(self.total_steps * self.pct_start)
        if step < turn:
            return cosine(first, middle, step / turn)
        return cosine(middle, last, min((step - turn) / (self.total_steps - turn), 1))


@PARAM_SCHEDULERS.register_module()
class ExactOneCycleLR(LRSchedulerMixin, _OneCycle):
    """Learning rates of one cycle; a group's own rate (with ``lr_mult``) is its highest.

    mmengine's ``OneCycleLR`` gives every group the same rate, ``eta_max``, and is an iteration
    ahead at the end of both phases.

    Args:
        optimizer: or its wrapper.
        pct_start: part of the cycle in which rates rise.
        div_factor: the first rate is the highest divided by it.
        final_div_factor: the last rate is the first divided by it.

    Further arguments: of :class:`sparse3d.engine.schedules.group_schedule.GroupSchedule`.

    Source: Super-Convergence (arXiv 1708.07120); phases as in fastai's implementation, which
        OpenPCDet and det3d carry, and in mmcv 1.x's cyclic schedule.
    """

    def __init__(self, optimizer: Any, pct_start: float = 0.4, div_factor: float = 10,
                 final_div_factor: float = 1e4, **kwargs: Any) -> None:
        factors = (1 / div_factor, 1.0, 1 / (div_factor * final_div_factor))
        super().__init__(optimizer, factors=factors, pct_start=pct_start, **kwargs)


@PARAM_SCHEDULERS.register_module()
class ExactOneCycleMomentum(MomentumSchedulerMixin, _OneCycle):
    """Momentum (Adam's first beta) that is lowest where the rates are highest.

    A group begins and ends with its own momentum, that of the optimizer's config.

    Args:
        optimizer: or its wrapper.
        pct_start: part of the cycle in which momentum falls.
        eta_min_ratio: the lowest momentum by the group's own; 0.95 falls to 0.85 by default.

    Further arguments: of :class:`sparse3d.engine.schedules.group_schedule.GroupSchedule`.

    Source: as :class:`ExactOneCycleLR`.
    """

    def __init__(self, optimizer: Any, pct_start: float = 0.4,
                 eta_min_ratio: float = 0.85 / 0.95, **kwargs: Any) -> None:
        super().__init__(optimizer, factors=(1.0, eta_min_ratio, 1.0), pct_start=pct_start,
                         **kwargs)
