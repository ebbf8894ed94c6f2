# The baseline of `centerpoint_nuscenes` on voxels of 10 cm and 51.2 m around: the other size that
# mmdet3d's and OpenPCDet's weights of CenterPoint were published for.
_base_ = ['centerpoint_nuscenes.py']
from sparse3d.engine.pipeline_steps import changed
from sparse3d_configs._base_ import grids

grid_voxel_size = [0.1, 0.1, 0.2]
grid_range = grids.NUSCENES_RANGE_51
grid_shape = [41, 1024, 1024]
voxel_size = grid_voxel_size
point_cloud_range = grid_range

model = dict(
    data_preprocessor=dict(
        voxel_layer=dict(
            point_cloud_range=grid_range, voxel_size=grid_voxel_size, max_voxels=(90000, 120000))),
    middle_encoder=dict(
        sparse_shape=grid_shape, voxel_size=grid_voxel_size, point_cloud_range=grid_range),
    bbox_head=dict(
        bbox_coder=dict(pc_range=grid_range[:2], voxel_size=grid_voxel_size[:2]),
        train_cfg=dict(
            grid_size=grid_shape[::-1],
            voxel_size=grid_voxel_size,
            point_cloud_range=grid_range)))

in_range = dict(point_cloud_range=grid_range)
train_pipeline = changed(_base_.train_pipeline, PointsRangeFilter=in_range, KeepObjects=in_range)
test_pipeline = changed(_base_.test_pipeline, PointsRangeFilter=in_range)

train_dataloader = dict(dataset=dict(dataset=dict(pipeline=train_pipeline)))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
