# The baseline: mmdet3d's plain sparse encoder on a simulated drive.
_base_ = [
    '../_base_/models/centerpoint_small.py',
    '../_base_/datasets/simulated_kitti_car.py',
    '../_base_/schedules/onecycle_minutes.py',
    '../_base_/default_runtime.py',
]

# A few frames show whether evaluation works; the whole set would cost the demo 15 seconds.
default_hooks = dict(validate_first=dict(max_batches=2))
