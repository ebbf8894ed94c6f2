"""Old and present names of VoxelKP that stand in checkpoints, from docs/renames.csv."""
from sparse3d.plugins import RenamedNames

RENAMES = RenamedNames(
    types={
        'KeepAroundPeople': 'CropAroundObjects',
        'KeypointMetricByCloud': 'KeypointMetricByVariant',
        'NameCloud': 'SetEvaluationVariant',
    },
    options_of_types={
        ('KeypointMetricByVariant', 'region'): 'evaluation_range',
        ('SetEvaluationVariant', 'kind'): 'variant',
        ('SparseKeypointEncoder', 'heads'): 'num_heads',
        ('SparseKeypointEncoder', 'levels'): 'num_levels',
        ('SparseKeypointHead', 'joints'): 'num_joints',
    },
    options={
        'middle_encoder.heads': 'num_heads',
        'middle_encoder.levels': 'num_levels',
    },
    configs={
        'voxelkp_long_simulated_waymo': 'voxelkp_simulated_waymo_long',
    },
    moved_options={
        ('SparseKeypointEncoder', 'num_heads'): 'blocks.num_heads',
        ('SparseKeypointEncoder', 'window'): 'blocks.window',
        ('SparseKeypointEncoder', 'selective_kernel'): 'blocks.selective_kernel',
        ('SparseKeypointEncoder', 'box_attention'): 'blocks.box_attention',
        ('SparseKeypointEncoder', 'point_branch'): 'blocks.point_branch',
    })
