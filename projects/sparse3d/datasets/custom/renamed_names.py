"""Old and present names of custom data that stand in checkpoints, from docs/renames.csv."""
from sparse3d.plugins import RenamedNames

RENAMES = RenamedNames(
    types={
        'LoadCloud': 'LoadPointFile',
        'OwnDetectionDataset': 'CustomDetectionDataset',
    },
    options_of_types={
        ('BoxDetectionMetric', 'overlaps'): 'iou_thresholds',
    },
    configs={
        'own_data': 'custom_data',
    })
