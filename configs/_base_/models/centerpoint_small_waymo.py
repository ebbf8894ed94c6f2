# A small CenterPoint for drives in Waymo's layout: 40 m around, on a CPU.
_base_ = []
from sparse3d_configs._base_ import grids
from sparse3d_configs._base_.models import center_heads, voxel_map

grid_voxel_size = [0.2, 0.2, 0.15]
grid_range = grids.WAYMO_NEAR_RANGE
grid_shape = [41, 400, 400]
grid_stride = 4  # cells of the heat map in voxels

model = dict(
    type='VoxelDetector',
    data_preprocessor=voxel_map.hard_voxels(
        grid_voxel_size, grid_range, max_num_points=5, max_voxels=(40000, 60000)),
    voxel_encoder=dict(type='HardSimpleVFE', num_features=5),
    middle_encoder=voxel_map.small_encoder(5, grid_shape),
    backbone=voxel_map.backbone(160, [32, 64], [2, 2], momentum=0.05),
    neck=voxel_map.neck([32, 64], [48, 48], momentum=0.05),
    bbox_head=center_heads.head(
        [dict(num_class=3, class_names=grids.CAR_PEDESTRIAN_CYCLIST)],
        96, 32, (grid_voxel_size, grid_range, grid_shape, grid_stride),
        grids.WAYMO_NEAR_CENTER_RANGE,
        head_conv=32, loss_weight=1.0, max_objs=200, max_num=300, nms_thr=0.2, pre_max_size=500,
        post_max_size=150,
        code_weights=[1.0, 1.0, 2.0, 1.0, 1.0, 2.0, 1.0, 1.0]))
