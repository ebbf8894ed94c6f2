# TransFusion-L: voxels of 7.5 cm, sparse encoder, SECOND, queries from a heat map of 0.6 m cells.
_base_ = ['transfusion_l_lidar.py']

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
        in_channels=512,
        num_classes=10,
        bbox_coder=dict(
            point_cloud_range=_base_.lidar_range, voxel_size=_base_.lidar_voxel_size,
            stride=_base_.lidar_stride),
        query_initialization=dict(unsuppressed_classes=_base_.unsuppressed_classes),
        detections=dict(center_range=_base_.center_range)))
