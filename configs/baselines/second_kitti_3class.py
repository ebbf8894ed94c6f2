# The baseline SECOND on KITTI, three classes, LiDAR only.
_base_ = [
    '../_base_/models/second_kitti.py',
    '../_base_/datasets/kitti_3class.py',
    '../_base_/schedules/onecycle_80e.py',
    '../_base_/default_runtime.py',
]

optim_wrapper = dict(optimizer=dict(lr=0.003))
