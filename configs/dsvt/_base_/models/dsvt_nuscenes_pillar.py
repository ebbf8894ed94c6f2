# DSVT on nuScenes pillars of 0.3 m: one stage of four blocks, TransFusion's head.
_base_ = []
from sparse3d_configs._base_ import grids

model_range = grids.NUSCENES_RANGE_54  # meters: x, y, z from, x, y, z to
model_voxel_size = [0.3, 0.3, 8.0]                   # meters
model_grid = [360, 360, 1]                           # cells: x, y, z

model = dict(
    type='VoxelDetector',
    data_preprocessor=dict(
        type='Det3DDataPreprocessor',
        voxel=True,
        voxel_type='dynamic',
        voxel_layer=dict(
            max_num_points=-1,
            point_cloud_range=model_range,
            voxel_size=model_voxel_size,
            max_voxels=(-1, -1),
        ),
    ),
    voxel_encoder=dict(
        type='DynamicVoxelEncoder',
        in_channels=5,  # x, y, z, intensity, age
        feat_channels=(128, 128),
        voxel_size=model_voxel_size,
        point_cloud_range=model_range,
    ),
    middle_encoder=dict(
        type='DSVTEncoder',
        grid_shape=model_grid,
        channels=128,
        blocks=(4,),
        sets=dict(
            window_shapes=((30, 30, 1),), set_size=90, hybrid_factor=(1, 1, 1),
            window_shift=(15, 15, 0)),
        pool_strides=(),
        attention=dict(num_heads=8, feedforward_channels=256)
    ),
    backbone=dict(
        type='ResidualBEVBackbone',
        in_channels=128,
        layer_nums=(2, 3, 3),
        layer_strides=(1, 2, 2),
        out_channels=(128, 128, 256),
        upsample_strides=(0.5, 1, 2),
        upsample_channels=(128, 128, 128),
    ),
    bbox_head=dict(
        type='TransFusionHead',
        in_channels=384,
        num_classes=10,
        bbox_coder=dict(point_cloud_range=model_range, voxel_size=model_voxel_size, stride=2),
        query_initialization=dict(
            channels=128, num_queries=200,
            unsuppressed_classes=(8, 9),  # pedestrian, traffic_cone
        ),
        decoder_layers=[
            dict(
                type='NeighborhoodDecoderLayer',
                num_heads=8,
                feedforward_channels=256,
                dropout=0.0,
                radius=20,
            )
        ],
        branches=dict(center=2, height=1, dim=3, rot=2, vel=2, iou=1),
        losses=dict(
            match=dict(label=0.15, center=0.25, iou=0.25), heat_weight=1.0, box_weight=0.25,
            iou_weight=0.5),
        detections=dict(
            center_range=grids.NUSCENES_CENTER_RANGE,
            suppression=dict(iou_thresholds=[-1] * 8 + [0.175, 0.175]), iou_power=0.5)
    ),
)
