# Cameras of a custom data set, any names and any number, one frame (docs/custom_data.md).
# Data elsewhere: --cfg-options data_root=/disk/mine, or SPARSE3D_OWN_DATA=/disk/mine.
_base_ = ['nuscenes_camera.py']
from sparse3d.engine.pipeline_steps import changed
from sparse3d_configs._base_ import grids

data_root = '{{$SPARSE3D_OWN_DATA:data/mine}}'
class_names = ['Car']                                      # as in the box files, in label order
cameras = ['FRONT']                                        # folders of images/, in any order
point_cloud_range = grids.NUSCENES_RANGE_51  # meters: x, y, z from, x, y, z to
image_size = [96, 320]                                     # height, width in pixels
# Several frames want frames.json in the data set and the same number in the model.
frames = dict(num_frames=1, kind='past')                   # now and the past; see FrameChoice
metainfo = dict(classes=class_names)
meta_keys = [key for key in _base_.meta_keys if key not in ('token', 'frame_idx')]

# The whole width. For more variety: resize=[0.5, 0.65], flip=0.5 without training=False.
whole_image = dict(size=image_size, training=False, resize=None, flip=None)
train_pipeline = changed(
    _base_.train_pipeline,
    LoadMultiViewImages=dict(cameras=cameras),
    KeepObjects=dict(point_cloud_range=point_cloud_range, classes=class_names),
    AugmentImages=whole_image,
    PackSample=dict(more_meta_keys=meta_keys))
test_pipeline = changed(
    _base_.test_pipeline,
    LoadMultiViewImages=dict(cameras=cameras),
    AugmentImages=whole_image,
    PackSample=dict(more_meta_keys=meta_keys))

custom = dict(  # a dataset and a metric that take nothing of nuScenes'
    _delete_=True,
    type='CustomDetectionDataset',
    data_root=data_root,
    modality=_base_.modality,
    frames=frames,
    velocities=True,
    metainfo=metainfo)
train_dataloader = dict(
    num_workers=1,
    dataset=dict(
        custom,
        ann_file='own_infos_train.pkl',
        pipeline=train_pipeline,
        unknown_velocities='nan'))
val_dataloader = dict(
    num_workers=1,
    dataset=dict(
        custom, ann_file='own_infos_val.pkl', pipeline=test_pipeline, test_mode=True))
test_dataloader = val_dataloader

val_evaluator = dict(_delete_=True, type='BoxDetectionMetric')
test_evaluator = val_evaluator
