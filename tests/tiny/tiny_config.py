_base_ = '../../configs/_base_/default_runtime.py'
custom_imports = dict(imports=['sparse3d.register', 'tiny_training'], allow_failed_imports=False)

model = dict(type='TinyDetector', width=8, dropout=0.0)

train_dataloader = dict(
    batch_size=4, num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(type='TinyFrames', frames=8))
val_dataloader = dict(
    batch_size=2, num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='TinyFrames', frames=4))
test_dataloader = val_dataloader
val_evaluator = dict(type='TinyMetric')
test_evaluator = val_evaluator

optim_wrapper = dict(
    type='OptimWrapper', optimizer=dict(type='AdamW', lr=0.01),
    clip_grad=dict(max_norm=10, norm_type=2))
param_scheduler = [
    dict(type='OneCycleLR', eta_max=0.01, total_steps=4, by_epoch=True,
         convert_to_iter_based=True)]
train_cfg = dict(by_epoch=True, max_epochs=4, val_interval=2)
val_cfg = dict()
test_cfg = dict()
auto_scale_lr = dict(enable=False, base_batch_size=4)

default_hooks = dict(logger=dict(interval=1))
