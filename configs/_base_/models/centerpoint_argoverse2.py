# CenterPoint on Argoverse 2 up to 200 m: voxels of 0.1 x 0.1 x 0.2 m, a dense map of 500 x 500.
_base_ = ['centerpoint_small_waymo.py']
from sparse3d_configs._base_ import argoverse2_classes, grids
from sparse3d_configs._base_.models import center_heads

grid_voxel_size = [0.1, 0.1, 0.2]
grid_range = grids.ARGOVERSE2_RANGE_200
grid_shape = [41, 4000, 4000]
grid_stride = 8  # cells of the heat map in voxels
grid_tasks = [
    dict(num_class=len(names), class_names=names) for names in argoverse2_classes.TASKS]

model = dict(
    data_preprocessor=dict(
        voxel_layer=dict(
            point_cloud_range=grid_range,
            voxel_size=grid_voxel_size,
            max_voxels=(150000, 200000))),
    voxel_encoder=dict(num_features=4),
    middle_encoder=dict(
        in_channels=4,
        sparse_shape=grid_shape,
        encoder_channels=((16, 16, 32), (32, 32, 64), (64, 64, 128), (128, 128)),
        encoder_paddings=((0, 0, 1), (0, 0, 1), (0, 0, (0, 1, 1)), (0, 0)),
        output_channels=128,
        block_type='basicblock'),
    backbone=dict(in_channels=256, out_channels=[128, 256], layer_nums=[5, 5]),
    neck=dict(in_channels=[128, 256], out_channels=[256, 256]),
    bbox_head=center_heads.head(
        grid_tasks, 512, 64, (grid_voxel_size, grid_range, grid_shape, grid_stride),
        grids.ARGOVERSE2_CENTER_RANGE, loss_weight=0.25, max_objs=500, max_num=500, nms_thr=0.2,
        pre_max_size=1000, post_max_size=83,
        code_weights=[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.2, 0.2]))
