# The LiDAR parts of the small TransFusion-L, for the detectors around them: no model yet.
_base_ = []
from sparse3d_configs._base_ import grids
from sparse3d_configs._base_.models import voxel_map

lidar_range = grids.NUSCENES_RANGE_51  # meters: x, y, z from, x, y, z to
lidar_voxel_size = [0.2, 0.2, 0.2]  # meters
lidar_stride = 4  # voxels per cell of the map
center_range = [-57.6, -57.6, -10.0, 57.6, 57.6, 10.0]  # where detections are kept, meters
unsuppressed_classes = [3]  # pedestrians
attention = dict(num_heads=4, feedforward_channels=128, dropout=0.0)  # too little data for dropout

voxel_layer = dict(
    max_num_points=5,
    point_cloud_range=lidar_range,
    voxel_size=lidar_voxel_size,
    max_voxels=(20000, 20000))
voxel_encoder = dict(type='HardSimpleVFE', num_features=5)
middle_encoder = voxel_map.small_encoder(5, [41, 512, 512], rest=((32, 32), (32, 32)))
backbone = voxel_map.backbone(160, [32, 64], [2, 3], momentum=0.05)
neck = voxel_map.neck([32, 64], [32, 32], momentum=0.05)
