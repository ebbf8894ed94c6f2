# A small SparseFusion for simulated drives, from nothing: nothing is frozen.
_base_ = ['../../../_base_/models/transfusion_small_lidar.py']
from sparse3d_configs._base_.models import camera_parts

model = dict(
    type='SparseFusion',
    data_preprocessor=camera_parts.voxels_and_images({{_base_.voxel_layer}}),
    image_backbone=camera_parts.small_resnet(),
    image_neck=dict(type='mmdet.FPN', in_channels=[16, 32, 64, 128], out_channels=64, num_outs=4),
    voxel_encoder={{_base_.voxel_encoder}},
    middle_encoder={{_base_.middle_encoder}},
    backbone={{_base_.backbone}},
    neck={{_base_.neck}},
    bbox_head=dict(
        type='SparseFusionHead',
        in_channels=64,
        images=dict(channels=64),
        candidates=dict(
            channels=64, num_lidar_queries=60, num_camera_queries=60,
            unsuppressed_classes={{_base_.unsuppressed_classes}}),
        num_classes=4,
        layer={{_base_.attention}},
        # From nothing the heat maps have to be learned as well; the release brings them along.
        losses=dict(heat_weight=1.0, image_heat_weight=1.0),
        bbox_coder=dict(
            point_cloud_range={{_base_.lidar_range}}, voxel_size={{_base_.lidar_voxel_size}},
            stride={{_base_.lidar_stride}}),
        detections=dict(
            center_range={{_base_.center_range}},
            suppression=dict(radii=[0.592, 0.592, -1, 0.316]))))
