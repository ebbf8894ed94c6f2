"""Argoverse 2's 26 classes as tasks of a head, of like size in one; no config.

Labels count through the tasks, as heads and published weights have it.
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
