# Stage 1 of SparseFusion: TransFusion-L, LiDAR only.
_base_ = [
    '../_base_/datasets/nuscenes_lidar.py',
    '../_base_/models/transfusion_l.py',
    '../_base_/default_runtime.py',
    '../_base_/schedules/transfusion_20e.py',
]
custom_imports = dict(imports=['sparse3d'])
