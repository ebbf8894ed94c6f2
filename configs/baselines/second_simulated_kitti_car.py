# The baseline SECOND, small, on a simulated drive.
_base_ = [
    '../_base_/models/second_small.py',
    '../_base_/datasets/simulated_kitti_car.py',
    '../_base_/schedules/onecycle_minutes.py',
    '../_base_/default_runtime.py',
]
default_hooks = dict(validate_first=dict(max_batches=2))
