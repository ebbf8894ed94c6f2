"""Old and present names of DSVT that stand in checkpoints, from docs/renames.csv."""
from sparse3d.plugins import RenamedNames

RENAMES = RenamedNames(
    types={
        'NeighbourhoodDecoderLayer': 'NeighborhoodDecoderLayer',
    },
    options_of_types={
        ('DSVTEncoder', 'checkpoint_blocks'): 'with_checkpoint',
        ('DSVTEncoder', 'heads'): 'num_heads',
        ('IoUCenterHead', 'centre_range'): 'center_range',
        ('IoUCenterHead', 'max_boxes'): 'max_candidates',
        ('IoUCenterHead', 'min_overlap'): 'gaussian_overlap',
        ('IoUCenterHead', 'nms_post_max'): 'nms_post',
        ('IoUCenterHead', 'nms_pre_max'): 'nms_pre',
        ('IoUCenterHead', 'nms_thresholds'): 'iou_thresholds',
        ('NeighborhoodDecoderLayer', 'heads'): 'num_heads',
        ('NeighborhoodDecoderLayer', 'hidden'): 'feedforward_channels',
    },
    options={
        'match.overlap': 'iou',
        'middle_encoder.heads': 'num_heads',
        'suppression.overlaps': 'iou_thresholds',
    },
    moved_options={
        ('DSVTEncoder', 'window_shapes'): 'sets.window_shapes',
        ('DSVTEncoder', 'hybrid_factor'): 'sets.hybrid_factor',
        ('DSVTEncoder', 'window_shift'): 'sets.window_shift',
        ('DSVTEncoder', 'set_size'): 'sets.set_size',
        ('DSVTEncoder', 'num_heads'): 'attention.num_heads',
        ('DSVTEncoder', 'feedforward_channels'): 'attention.feedforward_channels',
        ('IoUCenterHead', 'point_cloud_range'): 'bbox_coder.point_cloud_range',
        ('IoUCenterHead', 'voxel_size'): 'bbox_coder.voxel_size',
        ('IoUCenterHead', 'stride'): 'bbox_coder.stride',
        ('IoUCenterHead', 'max_objects'): 'targets.max_objects',
        ('IoUCenterHead', 'gaussian_overlap'): 'targets.gaussian_overlap',
        ('IoUCenterHead', 'min_radius'): 'targets.min_radius',
        ('IoUCenterHead', 'max_candidates'): 'detections.max_candidates',
        ('IoUCenterHead', 'score_threshold'): 'detections.score_threshold',
        ('IoUCenterHead', 'center_range'): 'detections.center_range',
        ('IoUCenterHead', 'rectifier'): 'detections.rectifier',
        ('IoUCenterHead', 'iou_thresholds'): 'detections.iou_thresholds',
        ('IoUCenterHead', 'nms_pre'): 'detections.nms_pre',
        ('IoUCenterHead', 'nms_post'): 'detections.nms_post',
    })
