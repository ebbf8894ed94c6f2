# LiDAR and cameras on a simulated drive (sparse3d simulate nuscenes), from nothing, on a CPU.
_base_ = [
    '../_base_/datasets/simulated_nuscenes_depth_fusion.py',
    '_base_/models/sparsefusion_small.py',
    '_base_/schedules/sparsefusion_minutes.py',
    '../_base_/default_runtime.py',
]
custom_imports = dict(imports=['sparsefusion.register'])
default_hooks = dict(validate_first=dict(max_batches=1))
