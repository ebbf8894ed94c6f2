# A small CenterPoint for any rotating LiDAR: 45 m around, from places of points alone; a CPU
# answers within a second. The ground is found in each cloud and lies at z = 0 for the model.
_base_ = []
from sparse3d_configs._base_ import grids
from sparse3d_configs._base_.models import center_heads, voxel_map

grid_shape = [31, 560, 560]
grid_stride = 4  # cells of the heat map in voxels

model = dict(
    type='GroundDetector',
    cloud_range=grids.ANYWHERE_CLOUD_RANGE,
    data_preprocessor=dict(
        type='GroundPreprocessor',
        jitter=0.08,
        voxel=True,
        voxel_type='dynamic',
        voxel_layer=dict(
            max_num_points=-1,
            point_cloud_range=grids.ANYWHERE_RANGE,
            voxel_size=grids.ANYWHERE_VOXEL,
            max_voxels=(-1, -1))),
    voxel_encoder=dict(
        type='DynamicVoxelEncoder',
        in_channels=3,
        feat_channels=(16, 16),
        voxel_size=grids.ANYWHERE_VOXEL,
        point_cloud_range=grids.ANYWHERE_RANGE,
        norm_cfg=dict(type='VoxelBN1d', eps=1e-3, momentum=0.05)),
    middle_encoder=voxel_map.small_encoder(16, grid_shape, ((32, 32, 32), (48, 48, 48))),
    backbone=voxel_map.backbone(96, [48, 96], [1, 4], momentum=0.05),
    neck=voxel_map.neck([48, 96], [48, 48], momentum=0.05),
    bbox_head=center_heads.head(
        [dict(num_class=len(grids.ANYWHERE_CLASSES), class_names=grids.ANYWHERE_CLASSES)],
        96, 48, (grids.ANYWHERE_VOXEL, grids.ANYWHERE_RANGE, grid_shape, grid_stride),
        grids.ANYWHERE_CENTER_RANGE,
        head_conv=48, loss_weight=1.0, max_objs=200, max_num=200, nms_thr=0.2, pre_max_size=300,
        post_max_size=120, code_weights=[1.0] * 8))

# One convolution in each branch but the heat map: the shared one has seen enough.
model['bbox_head']['common_heads'] = {
    name: (size, 1) for name, (size, _) in model['bbox_head']['common_heads'].items()}
