# A simulated drive in Argoverse 2's layout, four classes
# (make one: sparse3d simulate argoverse2, then sparse3d create-data argoverse2).
# Data elsewhere: SPARSE3D_SIMULATED_ARGOVERSE2=/data/drive sparse3d train ...
_base_ = ['argoverse2.py']
from sparse3d.engine.pipeline_steps import changed, replaced
from sparse3d_configs._base_ import grids

data_root = '{{$SPARSE3D_SIMULATED_ARGOVERSE2:data/simulated_argoverse2}}'
class_names = grids.ARGOVERSE2_FOUR_CLASSES
point_cloud_range = grids.ARGOVERSE2_RANGE_77  # meters: x, y, z from, x, y, z to
metainfo = dict(classes=class_names)

in_range = dict(point_cloud_range=point_cloud_range)
# x, y, z, intensity 0 to 1; with num_frames above 1 also the age in seconds
load_points = dict(intensity_scale=1 / 255)
train_pipeline = changed(
    replaced(_base_.train_pipeline, GroundTruthSampling=[]),
    LoadArgoverse2Points=load_points,
    AugmentScene=dict(rotation=[-0.3, 0.3], translation_std=None),
    PointsRangeFilter=in_range,
    KeepObjects=dict(in_range, classes=class_names))
test_pipeline = changed(
    _base_.test_pipeline, LoadArgoverse2Points=load_points, PointsRangeFilter=in_range)

train_dataloader = dict(
    num_workers=1, dataset=dict(data_root=data_root, pipeline=train_pipeline, metainfo=metainfo))
val_dataloader = dict(
    num_workers=1, dataset=dict(data_root=data_root, pipeline=test_pipeline, metainfo=metainfo))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + '/argoverse2_infos_val.pkl')
test_evaluator = val_evaluator
