# ResNet-50 at 704 x 256; published: .5637 NDS, .4646 mAP, .477 AMOTA on the validation set.
_base_ = [
    '../_base_/datasets/nuscenes_camera.py', '_base_/models/sparse4d_v3_r50.py',
    '../_base_/default_runtime.py'
]
custom_imports = dict(imports=['sparse4d.register'])

frames = dict(num_frames=1)  # the rest is remembered
train_dataloader = dict(dataset=dict(frames=frames))
val_dataloader = dict(dataset=dict(frames=frames))
test_dataloader = val_dataloader
