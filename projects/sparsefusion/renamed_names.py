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
    })
