"""Old and present names of Sparse4D that stand in checkpoints, from docs/renames.csv."""
from sparse3d.plugins import RenamedNames

RENAMES = RenamedNames(
    parameters={
        'bbox_head.values.after.': 'bbox_head.values.output_projection.',
        'bbox_head.values.before.': 'bbox_head.values.value_projection.',
        'bbox_head.values.projection.': 'bbox_head.values.output_projection.',
    })
