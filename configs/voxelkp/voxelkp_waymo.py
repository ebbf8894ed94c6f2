# VoxelKP on Waymo, the published recipe; evaluated on raw clouds and on cleaned ones.
_base_ = [
    '../_base_/datasets/waymo_keypoints.py',
    '../_base_/models/voxelkp.py',
    '../_base_/default_runtime.py',
]
custom_imports = dict(imports=['voxelkp'])
