# A small Sparse-Dense Fusion for simulated drives, from nothing: nothing is frozen.
_base_ = ['../../../_base_/models/transfusion_small_lidar.py']
from sparse3d_configs._base_.models import camera_parts

model = dict(
    type='SparseDenseFusion',
    data_preprocessor=camera_parts.voxels_and_images({{_base_.voxel_layer}}),
    voxel_encoder={{_base_.voxel_encoder}},
    middle_encoder={{_base_.middle_encoder}},
    backbone={{_base_.backbone}},
    neck={{_base_.neck}},
    image_backbone=camera_parts.small_resnet(),
    image_neck=dict(type='mmdet.FPN', in_channels=[16, 32, 64, 128], out_channels=64, num_outs=4),
    camera_lift=dict(
        type='CameraLift', image_channels=64, channels=64, context_channels=32, hidden_channels=64),
    map_fusion=dict(type='MapFusion', channels=64, num_heads=4, feedforward_channels=128),
    bbox_head=dict(
        type='TransFusionHead',
        in_channels=64,
        query_initialization=dict(
            channels=64, num_queries=60, unsuppressed_classes={{_base_.unsuppressed_classes}}),
        num_classes=4,
        decoder_layers=[dict(type='MapDecoderLayer', num_heads=4, feedforward_channels=128,
                             dropout=0.0)],  # as the small TransFusion-L
        bbox_coder=dict(
            point_cloud_range={{_base_.lidar_range}}, voxel_size={{_base_.lidar_voxel_size}},
            stride={{_base_.lidar_stride}}),
        detections=dict(center_range={{_base_.center_range}})),
    query_fusion=dict(
        type='QueryFusion', image_channels=64, channels=64, num_heads=4, feedforward_channels=128,
        dropout=0.0))
