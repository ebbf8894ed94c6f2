"""Old and present names of the core that stand in checkpoints, from docs/renames.csv."""
from sparse3d.plugins import RenamedNames

RENAMES = RenamedNames(
    types={
        'FadeOutHook': 'DisableAugmentationHook',
        'FoundObjectsMetric': 'MatchedObjectsMetric',
        'SquashFeatures': 'TanhFeatures',
        'WholeCheckpointHook': 'AtomicCheckpointHook',
    },
    options_of_types={
        ('ExactOneCycleLR', 'optimiser'): 'optimizer',
        ('ExactOneCycleMomentum', 'optimiser'): 'optimizer',
        ('ExactWarmUpCosineLR', 'optimiser'): 'optimizer',
        ('GroundTruthSampling', 'unlabelled'): 'unlabeled',
        ('MapDecoderLayer', 'heads'): 'num_heads',
        ('MapDecoderLayer', 'hidden'): 'feedforward_channels',
        ('MatchedObjectsMetric', 'iou'): 'iou_threshold',
        ('TransFusionHead', 'centre_range'): 'center_range',
        ('TransFusionHead', 'classes'): 'num_classes',
        ('TransFusionHead', 'every_cell'): 'unsuppressed_classes',
        ('TransFusionHead', 'queries'): 'num_queries',
    })
