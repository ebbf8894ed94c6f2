"""mmengine's one cycle when its rise or its fall takes no step.

Wrong upstream (mmengine 0.10.7): the rise ends at step ``pct_start * total_steps - 1``. If it is
0 (a tenth of ten steps), the first step is divided by 0; if the rise is all (``pct_start=1.0``),
the step that mmengine takes after the last one is. If it is before the first step (0.3 of a single
one), the height is passed over, and one step alone is made at the lowest rate of all.

Repair: a cycle without a rise begins at its height and falls from there; one without a fall stays
where it ended; one of a single step is made at the height.
"""
from __future__ import annotations

from functools import wraps

from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler

JUST_BEFORE = -1e-9  # the first step is then the first of the fall


def apply_patch() -> None:
    """Let a phase without length be passed over."""
    upstream = OneCycleParamScheduler._get_value
    if hasattr(upstream, 'upstream'):
        return

    @wraps(upstream)
    def get_value(self) -> list:
        phases, step = self._schedule_phases, self.last_step
        if self.total_steps == 1 and step <= 1:
            return [group[f'max_{self.param_name}'] for group in self.optimizer.param_groups]
        for phase in phases[:-1]:
            if phase['end_step'] <= 0:
                phase['end_step'] = JUST_BEFORE
        if phases[-1]['end_step'] <= phases[-2]['end_step']:
            self.last_step = min(step, self.total_steps - 1)
        try:
            return upstream(self)
        finally:
            self.last_step = step

    get_value.upstream = upstream
    OneCycleParamScheduler._get_value = get_value
