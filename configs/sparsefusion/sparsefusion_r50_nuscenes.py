# Stage 2 of SparseFusion, ResNet-50: cameras and fusion around a trained TransFusion-L.
_base_ = [
    '../_base_/datasets/nuscenes_fusion.py',
    '../_base_/models/sparsefusion_r50.py',
    '../_base_/default_runtime.py',
    '../_base_/schedules/sparsefusion_6e.py',
]
custom_imports = dict(imports=['sparsefusion'])
