# The small SAFDNet up to 154 m, on a simulated drive in Argoverse 2's layout.
_base_ = [
    '_base_/models/safdnet_small_argoverse2.py',
    '../_base_/datasets/simulated_argoverse2_far.py',
    '../_base_/schedules/onecycle_minutes.py',
    '../_base_/default_runtime.py',
]
from sparse3d_configs._base_ import grids

custom_imports = dict(imports=['safdnet.register'])

far_range = dict(point_cloud_range=grids.ARGOVERSE2_RANGE_154)
model = dict(
    data_preprocessor=dict(voxel_layer=far_range),
    voxel_encoder=far_range,
    middle_encoder=dict(sparse_shape=[41, 1024, 1024]),
    diffusion=dict(bbox_coder=far_range),
    bbox_head=dict(
        bbox_coder=far_range,
        detections=dict(center_range=grids.ARGOVERSE2_CENTER_RANGE_154)))

default_hooks = dict(validate_first=dict(max_batches=2))
