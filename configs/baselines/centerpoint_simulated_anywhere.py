# The detector that comes with Sparse3D: any rotating LiDAR, learned from simulated sweeps alone.
_base_ = [
    '../_base_/models/centerpoint_anywhere.py',
    '../_base_/datasets/simulated_anywhere.py',
    '../_base_/schedules/onecycle_minutes.py',
    '../_base_/default_runtime.py',
]

default_hooks = dict(validate_first=dict(max_batches=2), point_statistics=dict(max_frames=60))
