"""What the released VoxelKP does otherwise, for its weights."""
from __future__ import annotations

from dataclasses import dataclass

from sparse3d.published import PublishedSet, quirk


@dataclass(frozen=True)
class VoxelKPPublished(PublishedSet):
    """Quirks of the released VoxelKP; all off for a new training."""

    cell_offsets: bool = quirk(
        False, 'coarse levels lie half a cell off', 'centered',
        was={'model.neck.published_cell_offsets': True})
    level_weights: bool = quirk(
        False, 'levels are weighted 1, 2, 3', 'unweighted',
        was={'model.neck.published_level_weights': True})
    batch_anchor: bool = quirk(
        False, 'attention windows begin at the lowest voxel of the batch',
        'of each frame; equals released results of batch 1',
        was={'model.middle_encoder.published_batch_anchor': True})
    losses: bool = quirk(
        False, 'missing joints are pulled to the box center, and more of the released losses',
        'masked', was={'model.bbox_head.published_losses': True})
