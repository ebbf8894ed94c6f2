# A simulated drive in nuScenes' layout, LiDAR with sweeps and six cameras
# (make one: sparse3d simulate nuscenes; 640 x 360 pixels).
# Data elsewhere: SPARSE3D_SIMULATED_NUSCENES=/data/drive sparse3d train ...
_base_ = ['nuscenes_fusion.py']
from sparse3d.engine.pipeline_steps import changed
from sparse3d_configs._base_ import grids

class_names = grids.NUSCENES_FOUR_CLASSES
point_cloud_range = grids.NUSCENES_RANGE_51
data_root = '{{$SPARSE3D_SIMULATED_NUSCENES:data/simulated_nuscenes}}'
metainfo = dict(classes=class_names)
in_range = dict(point_cloud_range=point_cloud_range)
image_size = [192, 352]  # height, width in pixels

train_pipeline = changed(
    _base_.train_pipeline,
    AugmentImages=dict(size=image_size, resize=[0.5, 0.6]),
    AugmentScene=dict(rotation=[-0.3, 0.3], scale=[0.95, 1.05], translation_std=None),
    PointsRangeFilter=in_range,
    KeepObjects=dict(in_range, classes=class_names))
test_pipeline = changed(
    _base_.test_pipeline, AugmentImages=dict(size=image_size), PointsRangeFilter=in_range)

train_dataloader = dict(
    batch_size=1,
    num_workers=1,
    dataset=dict(data_root=data_root, pipeline=train_pipeline, metainfo=metainfo))
val_dataloader = dict(
    num_workers=1,
    dataset=dict(data_root=data_root, pipeline=test_pipeline, metainfo=metainfo))
test_dataloader = val_dataloader
val_evaluator = dict(data_root=data_root, ann_file=data_root + '/nuscenes_infos_val.pkl')
test_evaluator = val_evaluator
