# The baseline: CenterPoint with the residual sparse encoder on nuScenes, LiDAR with ten sweeps.
_base_ = [
    '../_base_/models/centerpoint_nuscenes.py',
    '../_base_/datasets/nuscenes_lidar.py',
    '../_base_/schedules/onecycle_20e.py',
    '../_base_/default_runtime.py',
]
custom_imports = dict(imports=['focalsconv'])
