# HEDNet on Argoverse 2 up to 200 m: a dense map of 500 x 500 cells.
_base_ = []
from sparse3d_configs._base_ import grids
from sparse3d_configs.safdnet._base_ import argoverse2_tasks, parts

model_range = grids.ARGOVERSE2_RANGE_200  # meters: x, y, z from, x, y, z to
model_voxel_size = [0.1, 0.1, 0.2]         # meters
model_shape = [41, 4000, 4000]             # voxels: z, y, x; one more along z
model_map = dict(point_cloud_range=model_range, voxel_size=model_voxel_size, stride=8)

model = dict(
    type='VoxelDetector',
    # x, y, z, intensity from 0 to 255
    **parts.voxels(model_range, model_voxel_size, columns=4, width=64),
    middle_encoder=parts.hednet_encoder(model_shape),
    backbone=parts.dense_backbone(4),
    bbox_head=dict(
        type='HEDNetCenterHead',
        in_channels=128,
        tasks=argoverse2_tasks.TASKS,
        bbox_coder=model_map,
        losses=dict(box_weight=2.0),
        detections=dict(
            center_range=grids.ARGOVERSE2_CENTER_RANGE,
            iou_threshold=0.2,  # of all classes of a task together
            nms_pre=1000,
            nms_post=83)))
