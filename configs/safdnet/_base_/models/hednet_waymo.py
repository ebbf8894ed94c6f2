# HEDNet on Waymo: sparse encoder-decoders, then dense ones on a map of 0.64 m cells.
_base_ = []
from sparse3d_configs._base_ import grids
from sparse3d_configs.safdnet._base_ import parts

model_range = grids.WAYMO_RANGE_76    # meters: x, y, z from, x, y, z to
model_voxel_size = [0.08, 0.08, 0.15]  # meters
model_shape = [41, 1888, 1888]         # voxels: z, y, x; one more along z
model_map = dict(point_cloud_range=model_range, voxel_size=model_voxel_size, stride=8)

model = dict(
    type='VoxelDetector',
    # x, y, z, tanh(intensity), tanh(elongation)
    **parts.voxels(model_range, model_voxel_size, columns=5, width=64),
    middle_encoder=parts.hednet_encoder(model_shape),
    backbone=parts.dense_backbone(4),
    bbox_head=dict(
        type='HEDNetCenterHead',
        in_channels=128,
        tasks=[grids.CAR_PEDESTRIAN_CYCLIST],
        bbox_coder=model_map,
        branches=dict(iou=True),
        losses=dict(box_weight=2.0),
        detections=dict(
            center_range=grids.WAYMO_CENTER_RANGE,
            rectifier=(0.68, 0.71, 0.65),
            iou_threshold=(0.75, 0.6, 0.55),
            nms_pre=4096,
            nms_post=500)))
