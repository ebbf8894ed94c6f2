"""Old and present names of SparseFusion that stand in checkpoints, from docs/renames.csv."""
from sparse3d.plugins import RenamedNames

RENAMES = RenamedNames(
    options_of_types={
        ('DropBeams', 'every'): 'interval',
        ('SparseFusionHead', 'camera_queries'): 'num_camera_queries',
        ('SparseFusionHead', 'centre_range'): 'center_range',
        ('SparseFusionHead', 'classes'): 'num_classes',
        ('SparseFusionHead', 'every_cell'): 'unsuppressed_classes',
        ('SparseFusionHead', 'levels'): 'num_levels',
        ('SparseFusionHead', 'lidar_layers'): 'num_lidar_layers',
        ('SparseFusionHead', 'lidar_queries'): 'num_lidar_queries',
    },
    options={
        'attention.heads': 'num_heads',
        'attention.hidden': 'feedforward_channels',
        'bbox_head.camera_queries': 'num_camera_queries',
        'bbox_head.classes': 'num_classes',
        'bbox_head.lidar_layers': 'num_lidar_layers',
        'bbox_head.lidar_queries': 'num_lidar_queries',
        'bbox_head.queries': 'num_queries',
        'layer.heads': 'num_heads',
        'layer.hidden': 'feedforward_channels',
        'match.overlap': 'iou',
        'suppression.overlaps': 'iou_thresholds',
    },
    configs={
        'sparsefusion_simulated_nuscenes_cameras_only':
            'sparsefusion_cameras_only_simulated_nuscenes',
        'sparsefusion_simulated_nuscenes_cameras_only_front_camera_lost':
            'sparsefusion_cameras_only_simulated_nuscenes_front_camera_lost',
    },
    moved_options={
        ('SparseFusionHead', 'point_cloud_range'): 'bbox_coder.point_cloud_range',
        ('SparseFusionHead', 'voxel_size'): 'bbox_coder.voxel_size',
        ('SparseFusionHead', 'stride'): 'bbox_coder.stride',
        ('SparseFusionHead', 'image_channels'): 'images.channels',
        ('SparseFusionHead', 'image_stride'): 'images.stride',
        ('SparseFusionHead', 'num_levels'): 'images.num_levels',
        ('SparseFusionHead', 'channels'): 'candidates.channels',
        ('SparseFusionHead', 'num_lidar_queries'): 'candidates.num_lidar_queries',
        ('SparseFusionHead', 'num_camera_queries'): 'candidates.num_camera_queries',
        ('SparseFusionHead', 'num_lidar_layers'): 'candidates.num_lidar_layers',
        ('SparseFusionHead', 'unsuppressed_classes'): 'candidates.unsuppressed_classes',
        ('SparseFusionHead', 'center_range'): 'detections.center_range',
        ('SparseFusionHead', 'suppression'): 'detections.suppression',
    })
