# Stage 2 of SparseFusion, ResNet-50: cameras and fusion around a trained TransFusion-L.
# Start from:  python -m sparsefusion.initial_weights TRANSFUSION_L MASK_RCNN initial.pth
#   python tools/train.py CONFIG --cfg-options load_from=initial.pth
_base_ = [
    '../_base_/datasets/nuscenes_fusion.py',
    '../_base_/models/sparsefusion_r50.py',
    '../_base_/schedules/sparsefusion_6e.py',
    '../_base_/default_runtime.py',
]
custom_imports = dict(imports=['sparsefusion'])

train_dataloader = dict(
    batch_size=4,  # on each of 4 GPUs
    dataset=dict(
        _delete_=True,
        type='ClassBalancedDataset',
        dataset={{_base_.train_dataloader.dataset}}))

# A batch in which no camera sees a LiDAR cell leaves the semantic transfer without gradients.
find_unused_parameters = True
