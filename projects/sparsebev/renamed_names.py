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
    },
    configs={
        'sparsebev_eva02_trainval_future_nuscenes': 'sparsebev_eva02_future_nuscenes_trainval',
        'sparsebev_simulated_nuscenes_frozen_sampling':
            'sparsebev_frozen_sampling_simulated_nuscenes',
        'sparsebev_simulated_nuscenes_plain_attention':
            'sparsebev_plain_attention_simulated_nuscenes',
        'sparsebev_v299_trainval_future_nuscenes': 'sparsebev_v299_future_nuscenes_trainval',
    },
    moved_options={
        ('SparseBEVHead', 'channels'): 'decoder.channels',
        ('SparseBEVHead', 'num_frames'): 'decoder.num_frames',
        ('SparseBEVHead', 'num_levels'): 'decoder.num_levels',
        ('SparseBEVHead', 'num_points'): 'decoder.num_points',
        ('SparseBEVHead', 'num_groups'): 'decoder.num_groups',
        ('SparseBEVHead', 'num_heads'): 'decoder.num_heads',
        ('SparseBEVHead', 'dropout'): 'decoder.dropout',
        ('SparseBEVHead', 'feedforward_channels'): 'decoder.feedforward_channels',
        ('SparseBEVHead', 'out_points'): 'decoder.out_points',
        ('SparseBEVHead', 'adaptive_attention'): 'decoder.adaptive_attention',
        ('SparseBEVHead', 'adaptive_sampling'): 'decoder.adaptive_sampling',
        ('SparseBEVHead', 'with_checkpoint'): 'decoder.with_checkpoint',
        ('SparseBEVHead', 'code_weights'): 'losses.code_weights',
        ('SparseBEVHead', 'loss_cls'): 'losses.loss_cls',
        ('SparseBEVHead', 'loss_bbox'): 'losses.loss_bbox',
        ('SparseBEVHead', 'limits'): 'detections.limits',
        ('SparseBEVHead', 'max_detections'): 'detections.max_detections',
        ('SparseBEVHead', 'score_threshold'): 'detections.score_threshold',
    })
