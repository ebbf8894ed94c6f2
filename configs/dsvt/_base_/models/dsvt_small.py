# A small DSVT for simulated drives: pillars of 0.625 m within 40 m, minutes on a CPU.
_base_ = ['dsvt_waymo_pillar.py']
from sparse3d_configs._base_ import grids

model_range = grids.WAYMO_NEAR_RANGE  # meters: x, y, z from, x, y, z to
model_voxel_size = [0.625, 0.625, 6]     # meters
model_grid = [128, 128, 1]               # cells: x, y, z

model = dict(
    data_preprocessor=dict(
        voxel_layer=dict(point_cloud_range=model_range, voxel_size=model_voxel_size)),
    voxel_encoder=dict(
        feat_channels=(64, 64),
        voxel_size=model_voxel_size,
        point_cloud_range=model_range,
        norm_cfg=dict(type='VoxelBN1d', eps=1e-3, momentum=0.1)),  # hundreds of steps, not 1e5
    middle_encoder=dict(
        grid_shape=model_grid, channels=64, blocks=(2, ),
        attention=dict(num_heads=4, feedforward_channels=128)),
    backbone=dict(
        in_channels=64,
        layer_nums=(1, 2, 2),
        out_channels=(32, 64, 64),
        upsample_channels=(32, 32, 32),
        momentum=0.1),
    bbox_head=dict(
        in_channels=96,
        channels=32,
        momentum=0.1,
        bbox_coder=dict(voxel_size=model_voxel_size, point_cloud_range=model_range),
        detections=dict(iou_thresholds=(0.2, 0.2, 0.2))))
