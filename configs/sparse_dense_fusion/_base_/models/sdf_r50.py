# Sparse-Dense Fusion around TransFusion-L, ResNet-50: a dense and a sparse branch from six cameras.
_base_ = ['../../../_base_/models/transfusion_l_lidar.py']
from sparse3d_configs._base_.models import camera_parts

model = dict(
    type='SparseDenseFusion',
    freeze_lidar=True,  # trained in the first stage
    data_preprocessor=camera_parts.voxels_and_images({{_base_.voxel_layer}}),
    voxel_encoder={{_base_.voxel_encoder}},
    middle_encoder={{_base_.middle_encoder}},
    backbone={{_base_.backbone}},
    neck={{_base_.neck}},
    image_backbone=camera_parts.resnet50(),
    image_neck=dict(
        type='mmdet.FPN', in_channels=[256, 512, 1024, 2048], out_channels=256, num_outs=4),
    # Dense: the cameras' map, and the LiDAR's cells that look at it.
    camera_lift=dict(type='CameraLift', image_channels=256),
    map_fusion=dict(type='MapFusion'),
    bbox_head=dict(
        type='TransFusionHead',
        in_channels=512,
        num_classes=10,
        bbox_coder=dict(
            point_cloud_range={{_base_.lidar_range}}, voxel_size={{_base_.lidar_voxel_size}},
            stride={{_base_.lidar_stride}}),
        query_initialization=dict(unsuppressed_classes={{_base_.unsuppressed_classes}}),
        detections=dict(center_range={{_base_.center_range}})),
    # Sparse: the decoded queries look into the images.
    query_fusion=dict(type='QueryFusion', image_channels=256))
