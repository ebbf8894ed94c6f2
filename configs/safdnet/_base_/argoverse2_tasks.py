"""Argoverse 2's 26 classes as tasks of a head, and as groups that grow alike; no config.

Labels of a detector of all classes count through the tasks, as published weights have it.
"""
TASKS = [
    ['REGULAR_VEHICLE'],
    ['PEDESTRIAN', 'BICYCLIST', 'MOTORCYCLIST', 'WHEELED_RIDER'],
    ['BOLLARD', 'CONSTRUCTION_CONE', 'SIGN', 'CONSTRUCTION_BARREL', 'STOP_SIGN',
     'MOBILE_PEDESTRIAN_CROSSING_SIGN'],
    ['LARGE_VEHICLE', 'BUS', 'BOX_TRUCK', 'TRUCK', 'VEHICULAR_TRAILER', 'TRUCK_CAB', 'SCHOOL_BUS',
     'ARTICULATED_BUS', 'MESSAGE_BOARD_TRAILER'],
    ['BICYCLE', 'MOTORCYCLE', 'WHEELED_DEVICE', 'WHEELCHAIR', 'STROLLER'],
    ['DOG'],
]
CLASSES = [name for task in TASKS for name in task]
# Regular vehicles; large ones; everything else.
GROUPS = [[CLASSES.index(name) for name in names] for names in (
    TASKS[0], TASKS[3], [*TASKS[1], *TASKS[2], *TASKS[4], *TASKS[5]])]
