"""The one model that was published, as config dicts of its parts."""
from __future__ import annotations

VOXEL_SIZE = [0.1, 0.1, 0.1]                       # meters along x, y, z
POINT_CLOUD_RANGE = [-75.2, -75.2, -2, 75.2, 75.2, 4]
SPARSE_SHAPE = [61, 1504, 1504]                    # cells along z, y, x

PUBLISHED_MODEL = dict(
    middle_encoder=dict(type='SparseKeypointEncoder', in_channels=5, sparse_shape=SPARSE_SHAPE),
    neck=dict(type='SparseBEVFusion', in_channels=[256, 256, 256], depths=[8, 4, 2]),
    bbox_head=dict(type='SparseKeypointHead', in_channels=384, voxel_size=VOXEL_SIZE,
                   point_cloud_range=POINT_CLOUD_RANGE))
