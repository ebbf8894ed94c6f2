# Sparse-Dense Fusion, ResNet-50: both branches around a trained TransFusion-L.
# Start from:
#   python -m sparse_dense_fusion.initial_weights TRANSFUSION_L MASK_RCNN initial.pth
#   sparse3d train CONFIG --cfg-options load_from=initial.pth
_base_ = [
    '../_base_/datasets/nuscenes_depth_fusion.py',
    '_base_/models/sdf_r50.py',
    '_base_/schedules/sdf_6e.py',
    '../_base_/default_runtime.py',
]
custom_imports = dict(imports=['sparse_dense_fusion.register'])

train_dataloader = dict(
    batch_size=4,  # on each of 4 GPUs
    dataset=dict(
        _delete_=True,  # the base's dataset stands in another one
        type='ClassBalancedDataset',
        dataset=_base_.train_dataloader.dataset))

# Frozen parts, and levels of the pyramid that a single branch does not read, have no gradients.
find_unused_parameters = True
