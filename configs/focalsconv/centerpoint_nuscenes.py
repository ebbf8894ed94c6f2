# The baseline: CenterPoint with the residual sparse encoder on nuScenes, the key frame and nine
# sweeps before it, balanced classes and added objects as in Focals Conv's release.
_base_ = [
    '_base_/models/centerpoint_nuscenes.py',
    '../_base_/datasets/nuscenes_lidar_balanced.py',
    '../_base_/schedules/onecycle_20e.py',
    '_base_/initial_weights/centerpoint_nuscenes.py',
    '../_base_/default_runtime.py',
]
custom_imports = dict(imports=['focalsconv.register'])
