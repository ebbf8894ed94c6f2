# A small SAFDNet for drives in Argoverse 2's layout: 77 m around, minutes on a CPU.
_base_ = []
from sparse3d_configs._base_ import grids
from sparse3d_configs.safdnet._base_ import parts

model_range = grids.ARGOVERSE2_RANGE_77  # meters: x, y, z from, x, y, z to
model_voxel_size = [0.3, 0.3, 0.2]        # meters
model_shape = [41, 512, 512]              # voxels: z, y, x; one more along z
model_map = dict(point_cloud_range=model_range, voxel_size=model_voxel_size, stride=4)
model_norm = dict(type='VoxelBN1d', eps=1e-3, momentum=0.1)  # hundreds of steps, not 1e5

model = dict(
    type='SAFDNet',
    # x, y, z, intensity from 0 to 1
    **parts.small_voxels(model_range, model_voxel_size, columns=4, norm_cfg=model_norm),
    middle_encoder=parts.small_encoder(model_shape, model_norm),
    # vehicles; trucks; pedestrians and bicyclists
    diffusion=parts.small_diffusion(model_map, model_norm, groups=[[0], [1], [2, 3]]),
    bbox_head=dict(
        type='SparseCenterHead',
        in_channels=32,
        tasks=[grids.ARGOVERSE2_FOUR_CLASSES],
        bbox_coder=model_map,
        branches=dict(momentum=0.1),
        losses=dict(box_weight=1.0),
        detections=dict(
            center_range=grids.ARGOVERSE2_CENTER_RANGE_77,
            iou_threshold=(0.2, 0.2, 0.2, 0.2),
            nms_pre=500,
            nms_post=150)))
