# Focals Conv in CenterPoint on Waymo, the published recipe (no result of it was published).
_base_ = [
    '../_base_/datasets/waymo_3class.py',
    '../_base_/schedules/onecycle_80e.py',
    '../_base_/default_runtime.py',
]
from sparse3d.engine.pipeline_steps import changed
from sparse3d_configs._base_ import grids
from sparse3d_configs._base_.models import center_heads, voxel_map

custom_imports = dict(imports=['focalsconv.register'])

grid_voxel_size = [0.1, 0.1, 0.15]
grid_range = grids.WAYMO_RANGE_75
grid_shape = [41, 1504, 1504]
max_epochs = 30
learning_rate = 0.003

model = dict(
    type='VoxelDetector',
    data_preprocessor=voxel_map.hard_voxels(
        grid_voxel_size, grid_range, max_num_points=5, max_voxels=(150000, 150000)),
    voxel_encoder=dict(type='HardSimpleVFE', num_features=5),
    middle_encoder=dict(
        type='FocalSparseEncoder',
        in_channels=5,
        sparse_shape=grid_shape,
        voxel_size=grid_voxel_size,
        point_cloud_range=grid_range),
    backbone=voxel_map.backbone(256, [128, 256], [5, 5]),
    neck=voxel_map.neck([128, 256], [256, 256]),
    bbox_head=center_heads.head(
        [dict(num_class=3, class_names=grids.CAR_PEDESTRIAN_CYCLIST)],
        512, 64, (grid_voxel_size, grid_range, grid_shape, 8),
        grids.WAYMO_RANGE_75,
        loss_weight=2.0, max_objs=500, max_num=500, nms_thr=0.7, pre_max_size=4096,
        post_max_size=500,
        code_weights=[1.0] * 8))

# The pipelines of the data set, up to where this model's voxels end.
in_range = dict(point_cloud_range=grid_range)
train_pipeline = changed(_base_.train_pipeline, PointsRangeFilter=in_range, KeepObjects=in_range)
test_pipeline = changed(_base_.test_pipeline, PointsRangeFilter=in_range)

train_dataloader = dict(
    batch_size=4, dataset=dict(load_interval=5, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
optim_wrapper = dict(optimizer=dict(lr=learning_rate))
train_cfg = dict(max_epochs=max_epochs)
auto_scale_lr = dict(base_batch_size=32)  # 8 GPUs with 4 samples each
