# A small CenterPoint for simulated drives: 51 m ahead, 20 m to each side, minutes on a CPU.
_base_ = []
from sparse3d_configs._base_ import grids
from sparse3d_configs._base_.models import center_heads, voxel_map

grid_voxel_size = [0.1, 0.1, 0.1]
grid_range = grids.KITTI_NEAR_RANGE
grid_shape = [41, 400, 512]
grid_stride = 4  # cells of the heat map in voxels

model = dict(
    type='VoxelDetector',
    data_preprocessor=voxel_map.hard_voxels(
        grid_voxel_size, grid_range, max_num_points=5, max_voxels=(20000, 40000)),
    voxel_encoder=dict(type='HardSimpleVFE', num_features=4),
    middle_encoder=voxel_map.small_encoder(4, grid_shape),
    backbone=voxel_map.backbone(160, [32, 64], [2, 4], momentum=0.05),
    neck=voxel_map.neck([32, 64], [48, 48], momentum=0.05),
    bbox_head=center_heads.head(
        [dict(num_class=1, class_names=['Car'])],
        96, 32, (grid_voxel_size, grid_range, grid_shape, grid_stride),
        grids.KITTI_NEAR_CENTER_RANGE,
        head_conv=32, loss_weight=1.5, max_objs=100, max_num=200, nms_thr=0.1, pre_max_size=200,
        post_max_size=50,
        # x, y, z, log dx, dy, dz, sin, cos: height decides most 3D overlaps just below 0.7.
        code_weights=[1.0, 1.0, 3.0, 1.0, 1.0, 2.0, 1.0, 1.0]))
