# LiDAR and cameras on a simulated drive (sparse3d simulate nuscenes), from nothing, on a CPU.
_base_ = [
    '../_base_/datasets/simulated_nuscenes_depth_fusion.py',
    '_base_/models/sdf_small.py',
    '_base_/schedules/sdf_minutes.py',
    '../_base_/default_runtime.py',
]
custom_imports = dict(imports=['sparse_dense_fusion.register'])
default_hooks = dict(validate_first=dict(max_batches=1))
find_unused_parameters = True  # levels of the pyramid that a single branch does not read
