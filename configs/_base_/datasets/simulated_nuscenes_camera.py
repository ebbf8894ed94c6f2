# A simulated drive in nuScenes' layout, six cameras over four frames
# (make one: sparse3d simulate nuscenes; 640 x 360 pixels, key frames alone).
# Data elsewhere: SPARSE3D_SIMULATED_NUSCENES=/data/drive sparse3d train ...
_base_ = ['nuscenes_camera.py']
from sparse3d.engine.pipeline_steps import changed
from sparse3d_configs._base_ import grids

class_names = grids.NUSCENES_FOUR_CLASSES
data_root = '{{$SPARSE3D_SIMULATED_NUSCENES:data/simulated_nuscenes}}'
metainfo = dict(classes=class_names)
image_size = [128, 352]                   # height, width in pixels
frames = dict(num_frames=4, kind='past')  # now and the past; see FrameChoice

train_pipeline = changed(
    _base_.train_pipeline,
    KeepObjects=dict(classes=class_names),
    AugmentImages=dict(size=image_size, resize=[0.5, 0.65]))
test_pipeline = changed(_base_.test_pipeline, AugmentImages=dict(size=image_size))

train_dataloader = dict(
    batch_size=1,
    num_workers=1,
    dataset=dict(data_root=data_root, pipeline=train_pipeline, frames=frames, metainfo=metainfo))
val_dataloader = dict(
    num_workers=1,
    dataset=dict(data_root=data_root, pipeline=test_pipeline, frames=frames, metainfo=metainfo))
test_dataloader = val_dataloader
val_evaluator = dict(data_root=data_root, ann_file=data_root + '/nuscenes_infos_val.pkl')
test_evaluator = val_evaluator
