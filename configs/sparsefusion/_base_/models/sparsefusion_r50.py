# SparseFusion with ResNet-50: TransFusion-L and six cameras, 200 candidates of each.
_base_ = ['../../../_base_/models/transfusion_l_lidar.py']
from sparse3d_configs._base_.models import camera_parts

model = dict(
    type='SparseFusion',
    freeze_lidar=True,  # trained in the first stage
    data_preprocessor=camera_parts.voxels_and_images({{_base_.voxel_layer}}),
    image_backbone=camera_parts.resnet50(),
    image_neck=dict(
        type='mmdet.FPN', in_channels=[256, 512, 1024, 2048], out_channels=256, num_outs=5),
    voxel_encoder={{_base_.voxel_encoder}},
    middle_encoder={{_base_.middle_encoder}},
    backbone={{_base_.backbone}},
    neck={{_base_.neck}},
    bbox_head=dict(
        type='SparseFusionHead',
        in_channels=512,
        images=dict(channels=256),
        num_classes=10,
        bbox_coder=dict(
            point_cloud_range={{_base_.lidar_range}}, voxel_size={{_base_.lidar_voxel_size}},
            stride={{_base_.lidar_stride}}),
        candidates=dict(unsuppressed_classes={{_base_.unsuppressed_classes}}),
        detections=dict(
            center_range={{_base_.center_range}},
            # Meters; the release compares the squares of distances with 0.35, 0.175 and 0.1.
            suppression=dict(
                radii=[0.592, 0.592, 0.592, 0.592, 0.592, 0.418, 0.316, -1, 0.316, 0.316]))))
