# The baseline PointPillars on KITTI, three classes, LiDAR only.
_base_ = [
    '../_base_/models/pointpillars_kitti.py',
    '../_base_/datasets/kitti_3class_pillars.py',
    '../_base_/schedules/onecycle_80e.py',
    '../_base_/default_runtime.py',
]

optim_wrapper = dict(optimizer=dict(lr=0.003))
