# VoxelKP on Waymo, the published recipe; evaluated on raw clouds and on cleaned ones.
_base_ = [
    '../_base_/datasets/waymo_keypoints.py',
    '_base_/models/voxelkp.py',
    '_base_/initial_weights/voxelkp.py',
    '../_base_/default_runtime.py',
]
from sparse3d.engine.pipeline_steps import changed, inserted_after, replaced

custom_imports = dict(imports=['voxelkp.register'])
max_epochs = 20  # the README of the release for one GPU; 36 for eight, 12 in its config

train_pipeline = changed(
    inserted_after(_base_.train_pipeline, AugmentScene=dict(type='AugmentPeople')),
    # Every person in the range counts, of any class.
    KeepObjects=dict(classes=None, min_points=1))


def tested_on(variant, pipeline):
    """The test pipeline with the name of what it is tested on."""
    pipeline = inserted_after(
        pipeline, PointsRangeFilter=dict(type='SetEvaluationVariant', variant=variant))
    return changed(
        # In one step: nothing of a database is added in testing.
        replaced(pipeline, TanhFeatures=[]),
        LoadWaymoPoints=dict(tanh=['intensity']),
        PackSample=dict(more_meta_keys=['evaluation_variant']))


raw_pipeline = tested_on('raw', replaced(_base_.test_pipeline, RemovePointsInOtherBoxes=[]))
cleaned_pipeline = tested_on('cleaned', _base_.test_pipeline)

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
people = _base_.val_dataloader.dataset
val_dataloader = dict(
    dataset=dict(
        _delete_=True,  # two datasets in the place of one
        type='ConcatDataset',
        datasets=[dict(people, pipeline=raw_pipeline), dict(people, pipeline=cleaned_pipeline)]))
test_dataloader = val_dataloader
val_evaluator = dict(type='KeypointMetricByVariant')
test_evaluator = val_evaluator

optim_wrapper = dict(
    type='OptimWrapper',
    # Decay is decoupled and on norms too; beta2 0.99 as in the release.
    optimizer=dict(type='AdamW', lr=3e-3, betas=(0.95, 0.99), weight_decay=0.01),
    clip_grad=dict(max_norm=10, norm_type=2))
param_scheduler = [  # as long as the training (train_cfg.max_epochs)
    dict(type='ExactOneCycleLR', pct_start=0.4, div_factor=10, final_div_factor=1e4,
         by_epoch=True, convert_to_iter_based=True),
    dict(type='ExactOneCycleMomentum', pct_start=0.4, eta_min_ratio=0.85 / 0.95,
         by_epoch=True, convert_to_iter_based=True),
]
train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_interval=5)
val_cfg = dict()
test_cfg = dict()

# 8 GPUs with 2 samples each.
auto_scale_lr = dict(enable=False, base_batch_size=16)
