# Simulated sweeps of any sensor anywhere (make them: sparse3d simulate custom).
# Data elsewhere: SPARSE3D_SIMULATED_ANYWHERE=/data/anywhere sparse3d train ...
_base_ = ['custom_data.py']
from sparse3d_configs._base_ import grids

data_root = '{{$SPARSE3D_SIMULATED_ANYWHERE:data/simulated_anywhere}}'
class_names = grids.ANYWHERE_CLASSES
point_cloud_range = grids.ANYWHERE_RANGE  # about the ground
metainfo = dict(classes=class_names)

train_pipeline = [
    dict(type='LoadXYZPoints'),
    dict(type='LoadAnnotations3D', with_bbox_3d=True, with_label_3d=True),
    dict(
        type='AugmentScene',
        rotation=[-3.14159265, 3.14159265],
        scale=[0.95, 1.05],
        flip_horizontal=0.5),
    # No range here: where the ground lies is found later, and the range is about that.
    dict(type='PackSample', keys=['points', 'gt_bboxes_3d', 'gt_labels_3d']),
]
test_pipeline = [
    dict(type='LoadXYZPoints'),
    dict(type='PackSample', keys=['points']),
]

train_dataloader = dict(
    batch_size=4,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(data_root=data_root, pipeline=train_pipeline, metainfo=metainfo))
val_dataloader = dict(
    batch_size=4,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(data_root=data_root, pipeline=test_pipeline, metainfo=metainfo))
test_dataloader = val_dataloader
