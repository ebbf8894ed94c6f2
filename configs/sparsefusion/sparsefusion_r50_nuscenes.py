# Stage 2 of SparseFusion, ResNet-50: cameras and fusion around a trained TransFusion-L.
# Start from:  python -m sparsefusion.initial_weights TRANSFUSION_L MASK_RCNN initial.pth
#   sparse3d train CONFIG --cfg-options load_from=initial.pth
_base_ = [
    '../_base_/datasets/nuscenes_depth_fusion.py',
    '_base_/models/sparsefusion_r50.py',
    '_base_/schedules/sparsefusion_6e.py',
    '_base_/initial_weights/sparsefusion.py',
    '../_base_/default_runtime.py',
]
from sparse3d.engine.pipeline_steps import changed

custom_imports = dict(imports=['sparsefusion.register'])

train_pipeline = changed(_base_.train_pipeline, AugmentScene=dict(rotation=[-0.785, 0.785]))
train_dataloader = dict(
    batch_size=4,  # on each of 4 GPUs
    dataset=dict(
        _delete_=True,  # the base's dataset stands in another one
        type='ClassBalancedDataset',
        dataset=dict(_base_.train_dataloader.dataset, pipeline=train_pipeline)))

# A batch in which no camera sees a LiDAR cell leaves the semantic transfer without gradients.
find_unused_parameters = True
