# v1 in small on a simulated drive, from random weights, on a CPU: the present frame and one before.
_base_ = [
    '_base_/datasets/nuscenes_key_frames.py', '_base_/models/sparse4d_small.py',
    '_base_/schedules/sparse4d_minutes.py', '../_base_/default_runtime.py'
]
from sparse3d.engine.pipeline_steps import changed
from sparse3d_configs._base_ import grids

custom_imports = dict(imports=['sparse4d.register'])

class_names = grids.NUSCENES_FOUR_CLASSES
data_root = '{{$SPARSE3D_SIMULATED_NUSCENES:data/simulated_nuscenes}}'
metainfo = dict(classes=class_names)
image_size = [96, 256]  # height, width in pixels
num_frames = 2

model = dict(
    data_preprocessor=dict(num_train_frames=num_frames),
    depth_branch=None,
    bbox_head=dict(
        _delete_=True,
        type='Sparse4DFramesHead',
        num_classes=4,
        bank=dict(num_anchors=100, num_temporal=0),
        decoder=dict(
            channels=128, num_layers=3, num_levels=2, num_groups=4, num_heads=4,
            feedforward_channels=256, weights_dropout=0.0),
        queue=dict(num_frames=num_frames - 1, num_cameras=6)),
    training=dict(_delete_=True, type='Sparse4DFramesTraining'))

train_pipeline = changed(
    _base_.train_pipeline,
    KeepObjects=dict(classes=class_names),
    AugmentImages=dict(size=image_size, training=False))  # the whole image
test_pipeline = changed(_base_.test_pipeline, AugmentImages=dict(size=image_size))

train_dataloader = dict(
    batch_size=2,
    num_workers=1,
    dataset=dict(data_root=data_root, pipeline=train_pipeline, metainfo=metainfo,
                 frames=dict(num_frames=num_frames)))
val_dataloader = dict(
    num_workers=1,
    dataset=dict(data_root=data_root, pipeline=test_pipeline, metainfo=metainfo))
test_dataloader = val_dataloader
val_evaluator = dict(data_root=data_root, ann_file=data_root + '/nuscenes_infos_val.pkl')
test_evaluator = val_evaluator

default_hooks = dict(validate_first=dict(max_batches=2))
