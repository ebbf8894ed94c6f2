# SparseFusion with ResNet-50: TransFusion-L and six cameras, 200 candidates of each.
_base_ = ['../../../_base_/models/transfusion_l_lidar.py']

model = dict(
    type='SparseFusion',
    freeze_lidar=True,  # trained in the first stage
    data_preprocessor=dict(
        type='Det3DDataPreprocessor',
        voxel=True,
        voxel_layer={{_base_.voxel_layer}},
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_size_divisor=32),
    image_backbone=dict(
        type='mmdet.ResNet',
        depth=50,
        num_stages=4,
        out_indices=(0, 1, 2, 3),
        frozen_stages=1,
        norm_cfg=dict(type='BN', requires_grad=True),
        norm_eval=True,
        with_cp=True,  # a third of the memory of training for some time; the results are the same
        style='pytorch'),
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
