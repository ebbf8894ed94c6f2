# A simulated drive (sparse3d simulate nuscenes), from random weights, on a CPU.
_base_ = [
    '_base_/datasets/nuscenes_sequences.py', '_base_/models/sparse4d_small.py',
    '_base_/schedules/sparse4d_minutes.py', '../_base_/default_runtime.py'
]
from sparse3d.engine.pipeline_steps import changed
from sparse3d_configs._base_ import grids

custom_imports = dict(imports=['sparse4d.register'])

class_names = grids.NUSCENES_FOUR_CLASSES
data_root = '{{$SPARSE3D_SIMULATED_NUSCENES:data/simulated_nuscenes}}'
metainfo = dict(classes=class_names)
image_size = [96, 256]      # height, width in pixels
original_size = [360, 640]  # of the drive's pictures

# The whole image, and the scene as it lies: there is little time, and no more to see outside.
train_pipeline = changed(
    _base_.train_pipeline,
    KeepObjects=dict(classes=class_names),
    AugmentSequenceImages=dict(
        size=image_size, original_size=original_size, resize=[0.4, 0.4], flip=False,
        angle=[0.0, 0.0], scene_angle=[-0.1, 0.1]),
    DepthMaps=dict(strides=[8, 16]))
test_pipeline = changed(_base_.test_pipeline, AugmentImages=dict(size=image_size))

train_dataloader = dict(
    batch_size=2,
    num_workers=1,
    dataset=dict(data_root=data_root, pipeline=train_pipeline, metainfo=metainfo))
val_dataloader = dict(
    num_workers=1,
    dataset=dict(data_root=data_root, pipeline=test_pipeline, metainfo=metainfo))
test_dataloader = val_dataloader
trackers = dict(
    greedy=dict(),
    two_stage=dict(high_score=0.2, low_score=0.05, birth_score=0.2),
    depth_cascade=dict(high_score=0.2, low_score=0.05, birth_score=0.2))
val_evaluator = dict(
    type='NuScenesTrackingMetric',
    data_root=data_root,
    ann_file=data_root + '/nuscenes_infos_val.pkl',
    trackers=dict(query_identity=dict(), **trackers))
test_evaluator = val_evaluator

default_hooks = dict(validate_first=dict(max_batches=2))
