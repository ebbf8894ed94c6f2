# A small TransFusion-L for simulated drives: cells of 0.8 m, minutes on a CPU.
_base_ = ['transfusion_small_lidar.py']

model = dict(
    type='VoxelDetector',
    data_preprocessor=dict(
        type='Det3DDataPreprocessor', voxel=True, voxel_layer=_base_.voxel_layer),
    voxel_encoder=_base_.voxel_encoder,
    middle_encoder=_base_.middle_encoder,
    backbone=_base_.backbone,
    neck=_base_.neck,
    bbox_head=dict(
        type='TransFusionHead',
        in_channels=64,
        query_initialization=dict(
            channels=64, num_queries=60, unsuppressed_classes=_base_.unsuppressed_classes),
        num_classes=4,
        decoder_layers=[dict(type='MapDecoderLayer', **_base_.attention)],
        bbox_coder=dict(
            point_cloud_range=_base_.lidar_range, voxel_size=_base_.lidar_voxel_size,
            stride=_base_.lidar_stride),
        detections=dict(center_range=_base_.center_range)))
