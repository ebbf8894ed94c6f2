# The detector of centerpoint_simulated_anywhere on labeled frames of any data set (zero-shot
# --as-custom), cars alone: what a few real frames with heavy augmentation give, to stand beside.
# Data elsewhere: SPARSE3D_SIMULATED_ANYWHERE=/data/frames sparse3d train ...
_base_ = ['centerpoint_simulated_anywhere.py']
from sparse3d.engine.pipeline_steps import changed

class_names = ['Car']
metainfo = dict(classes=class_names)

model = dict(bbox_head=dict(tasks=[dict(num_class=1, class_names=class_names)]))

train_pipeline = changed(
    _base_.train_pipeline, AugmentScene=dict(scale=[0.85, 1.15], flip_vertical=0.5))
train_dataloader = dict(
    batch_size=2, dataset=dict(pipeline=train_pipeline, metainfo=metainfo))
val_dataloader = dict(dataset=dict(metainfo=metainfo))
test_dataloader = val_dataloader
default_hooks = dict(checkpoint=dict(interval=50), logger=dict(interval=10))
