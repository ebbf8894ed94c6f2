# The baseline of `centerpoint_nuscenes` on voxels of 10 cm and 51.2 m around: the other size that
# mmdet3d's and OpenPCDet's weights of CenterPoint were published for.
_base_ = ['centerpoint_nuscenes.py']
grid_voxel_size = [0.1, 0.1, 0.2]
grid_range = [-51.2, -51.2, -5.0, 51.2, 51.2, 3.0]
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

# The steps of the base; the range of two of them is this config's.
in_range = dict(type='PointsRangeFilter', point_cloud_range=grid_range)
keep_objects = dict(
    type='KeepObjects', point_cloud_range=grid_range, classes=_base_.class_names)
load_points, load_objects, sample_objects, augment = _base_.train_pipeline[:4]
train_pipeline = [
    load_points, load_objects, sample_objects, augment, in_range, keep_objects,
    *_base_.train_pipeline[6:]
]
test_pipeline = [load_points, in_range, *_base_.test_pipeline[2:]]

train_dataloader = dict(dataset=dict(dataset=dict(pipeline=train_pipeline)))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
