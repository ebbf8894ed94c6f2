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
    })
