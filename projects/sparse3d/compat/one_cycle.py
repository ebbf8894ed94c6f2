"""mmengine's one cycle when its rise or its fall takes no step.

Wrong upstream (mmengine 0.10.7): the rise ends at step ``pct_start * total_steps - 1``. If it is
0 (a tenth of ten steps), the first step is divided by 0; if the rise is all (``pct_start=1.0``),
the step that mmengine takes after the last one is.

Repair: a cycle without a rise begins at its height and falls from there; one without a fall stays
where it ended.
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
        for phase in self._schedule_phases[:-1]:
            if phase['end_step'] == 0:
                phase['end_step'] = JUST_BEFORE
        phases, step = self._schedule_phases, self.last_step
        if phases[-1]['end_step'] <= phases[-2]['end_step']:
            self.last_step = min(step, self.total_steps - 1)
        try:
            return upstream(self)
        finally:
            self.last_step = step

    get_value.upstream = upstream
    OneCycleParamScheduler._get_value = get_value
