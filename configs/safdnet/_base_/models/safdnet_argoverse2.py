# SAFDNet on Argoverse 2 up to 200 m: voxels of 0.1 x 0.1 x 0.2 m, cells of the map 0.8 m.
_base_ = []
from sparse3d_configs._base_ import grids
from sparse3d_configs.safdnet._base_ import argoverse2_tasks, parts

model_range = grids.ARGOVERSE2_RANGE_200  # meters: x, y, z from, x, y, z to
model_voxel_size = [0.1, 0.1, 0.2]         # meters
model_shape = [41, 4000, 4000]             # voxels: z, y, x; one more along z
model_map = dict(point_cloud_range=model_range, voxel_size=model_voxel_size, stride=8)

model = dict(
    type='SAFDNet',
    # x, y, z, intensity from 0 to 255
    **parts.voxels(model_range, model_voxel_size, columns=4, width=64),
    middle_encoder=parts.safdnet_encoder(model_shape, width=64),
    diffusion=dict(
        type='AdaptiveFeatureDiffusion',
        channels=64,
        bbox_coder=model_map,
        diffusion=dict(
            groups=argoverse2_tasks.GROUPS,
            kernel_sizes=(7, 13, 3, 3),
            threshold=0.4),
        num_layers=2,
        blocks=(4, 2, 2)),
    bbox_head=dict(
        type='SparseCenterHead',
        in_channels=64,
        tasks=argoverse2_tasks.TASKS,
        bbox_coder=model_map,
        losses=dict(box_weight=0.25, code_weights=(1, 1, 1, 1, 1, 1, 0.2, 0.2)),
        detections=dict(
            center_range=grids.ARGOVERSE2_CENTER_RANGE,
            iou_threshold=0.2,  # of all classes of a task together
            nms_pre=1000,
            nms_post=83)))
