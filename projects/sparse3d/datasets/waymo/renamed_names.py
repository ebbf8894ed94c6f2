"""Old and present names of the Waymo data set that stand in checkpoints, see docs/renames.csv."""
from sparse3d.plugins import RenamedNames

RENAMES = RenamedNames(
    options_of_types={
        ('LoadWaymoPoints', 'frames'): 'num_frames',
        ('LoadWaymoPoints', 'squash'): 'tanh',
        ('WaymoKeypointDataset', 'only_labelled_frames'): 'only_labeled_frames',
        ('WaymoKeypointMetric', 'region'): 'evaluation_range',
    })
