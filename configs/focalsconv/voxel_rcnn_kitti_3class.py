# The baseline: Voxel R-CNN with a plain sparse encoder on KITTI, three classes, LiDAR only.
_base_ = [
    '_base_/models/voxel_rcnn_kitti.py',
    '../_base_/datasets/kitti_3class.py',
    '../_base_/schedules/onecycle_80e.py',
    '_base_/initial_weights/voxel_rcnn_kitti.py',
    '../_base_/default_runtime.py',
]
custom_imports = dict(imports=['focalsconv.register'])
