# The baseline: CenterPoint with mmdet3d's plain sparse encoder on KITTI, cars, LiDAR only.
_base_ = [
    '../_base_/models/centerpoint_kitti.py',
    '../_base_/datasets/kitti_car.py',
    '../_base_/schedules/onecycle_80e.py',
    '../_base_/default_runtime.py',
]
