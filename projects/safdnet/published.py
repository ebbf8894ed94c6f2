"""What the released HEDNet and SAFDNet do otherwise, for their weights."""
from __future__ import annotations

from dataclasses import dataclass

from sparse3d.published import PublishedSet, quirk

HEAD = 'model.bbox_head'


@dataclass(frozen=True)
class SAFDNetPublished(PublishedSet):
    """Quirks of the released HEDNet and SAFDNet; all off for a new training."""

    int32_keys: bool = quirk(
        False, 'voxels are numbered in 32 bits: on the grid of Argoverse 2 the fourth sample of a '
        'batch is lost', 'in 64 bits: every sample of a batch is seen',
        switches={'model.voxel_encoder.int32_keys': True})
    swapped_limits: bool = quirk(
        False, 'centers of boxes beyond the map are moved into a map whose sides are exchanged',
        'into the map')
    inverted_mask: bool = quirk(
        False, 'nuScenes: queries attend to the empty cells only; a sample without any gives NaN '
        'and no box', 'to the active cells only')
    unmasked: bool = quirk(
        False, 'nuScenes, before the last release: queries attend to all cells, the heat map is '
        'taught on all of them', 'attended to and taught are the active cells')
    iou_shift: bool = quirk(
        False, 'nuScenes: queries are matched with box centers taken for bottom centers',
        'with the boxes', switches={f'{HEAD}.losses.iou_shift': 0.5})
    leaf_parameters: bool = quirk(
        False, 'nuScenes: the projections into the attention are never trained', 'they are',
        switches={'optim_wrapper.paramwise_cfg.leaf_parameters': True})
