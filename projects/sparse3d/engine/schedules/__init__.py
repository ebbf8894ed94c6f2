"""Schedules of learning rate and momentum that follow the released trainings exactly."""
from sparse3d.engine.schedules.lost_multipliers import refuse_lost_multipliers
from sparse3d.engine.schedules.one_cycle import ExactOneCycleLR, ExactOneCycleMomentum
from sparse3d.engine.schedules.warm_up_cosine import ExactWarmUpCosineLR

__all__ = ['ExactOneCycleLR', 'ExactOneCycleMomentum', 'ExactWarmUpCosineLR',
           'refuse_lost_multipliers']
