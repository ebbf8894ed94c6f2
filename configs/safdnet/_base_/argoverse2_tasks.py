"""Argoverse 2's 26 classes in groups that grow alike; no config.

Labels of a detector of all classes count through the tasks, as published weights have it.
"""
from sparse3d_configs._base_.argoverse2_classes import CLASSES, TASKS

# Regular vehicles; large ones; everything else.
GROUPS = [[CLASSES.index(name) for name in names] for names in (
    TASKS[0], TASKS[3], [*TASKS[1], *TASKS[2], *TASKS[4], *TASKS[5]])]
