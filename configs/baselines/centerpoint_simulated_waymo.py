# CenterPoint for vehicles, pedestrians and cyclists on a simulated drive in Waymo's layout.
_base_ = [
    '../_base_/models/centerpoint_small_waymo.py',
    '../_base_/datasets/simulated_waymo.py',
    '../_base_/schedules/onecycle_minutes.py',
    '../_base_/default_runtime.py',
]

default_hooks = dict(validate_first=dict(max_batches=2))
