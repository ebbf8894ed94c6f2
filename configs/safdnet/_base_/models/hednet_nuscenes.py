# HEDNet on nuScenes pillars of 0.3 m: dense encoder-decoders, TransFusion's head.
_base_ = []
from sparse3d_configs._base_ import grids
from sparse3d_configs.safdnet._base_ import parts

model_range = grids.NUSCENES_RANGE_54  # meters: x, y, z from, x, y, z to
model_voxel_size = [0.3, 0.3, 8.0]      # meters
model_shape = [1, 360, 360]             # pillars: z, y, x
model_map = dict(point_cloud_range=model_range, voxel_size=model_voxel_size, stride=2)

model = dict(
    type='VoxelDetector',
    # x, y, z, intensity, age
    **parts.voxels(model_range, model_voxel_size, columns=5, width=128, all_heights=True),
    middle_encoder=parts.pillar_encoder('HEDNetEncoder', model_shape),
    backbone=parts.dense_backbone(2),
    bbox_head=parts.transfusion_head(
        'HEDNetTransFusionHead', model_map, grids.NUSCENES_CENTER_RANGE,
        losses=dict(iou_weight=0.5, diou_weight=0.5),
        branches=dict(center=2, height=1, dim=3, rot=2, vel=2, iou=1)))
