"""Old and present names of SparseBEV that stand in checkpoints, from docs/renames.csv."""
from sparse3d.plugins import RenamedNames

RENAMES = RenamedNames(
    options_of_types={
        ('EVA02', 'checkpointing'): 'with_checkpoint',
        ('EVA02', 'heads'): 'num_heads',
        ('EVA02', 'hidden'): 'feedforward_channels',
        ('EVA02', 'whole_image_every'): 'global_attention_interval',
        ('SparseBEV', 'remember_frames'): 'cache_frames',
        ('SparseBEVHead', 'checkpointing'): 'with_checkpoint',
        ('SparseBEVHead', 'max_boxes'): 'max_detections',
        ('SparseBEVHead', 'num_query'): 'num_queries',
        ('SparseBEVHead', 'point_range'): 'point_cloud_range',
        ('VoVNet', 'checkpointing'): 'with_checkpoint',
    },
    options={
        'backbone.checkpointing': 'with_checkpoint',
        'bbox_head.checkpointing': 'with_checkpoint',
        'bbox_head.max_boxes': 'max_detections',
    })
