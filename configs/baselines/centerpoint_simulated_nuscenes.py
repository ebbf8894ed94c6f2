# CenterPoint with velocities on a simulated drive in nuScenes' layout.
_base_ = [
    '../_base_/models/centerpoint_small_nuscenes.py',
    '../_base_/datasets/simulated_nuscenes_lidar.py',
    '../_base_/schedules/onecycle_minutes.py',
    '../_base_/default_runtime.py',
]

default_hooks = dict(validate_first=dict(max_batches=2))
