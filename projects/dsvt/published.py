"""What the released DSVT does otherwise, for its weights."""
from __future__ import annotations

from dataclasses import dataclass

from sparse3d.published import PublishedSet, quirk

HEAD = 'model.bbox_head'
LAYER = f'{HEAD}.decoder_layers.0'


@dataclass(frozen=True)
class DSVTPublished(PublishedSet):
    """Quirks of the released DSVT; all off for a new training."""

    embedding_order: bool = quirk(
        False, 'layer i of every block embeds positions in windows of configuration i',
        "both layers embed those of the block's own windows",
        was={'model.middle_encoder.published_embedding_order': True})
    meters: bool = quirk(
        False, 'points reach the first layer in meters', 'as shares of the range and of the voxel',
        was={'model.voxel_encoder.published_meters': True},
        switches={'model.voxel_encoder.meters': True})
    empty_slots: bool = quirk(
        False, 'Waymo voxels: empty cells take part in the pooling, as zeros', 'only voxels do',
        was={'model.middle_encoder.published_empty_slots': True})
    turned_nms: bool = quirk(
        False, 'Waymo: boxes are turned by 90 degrees for NMS', 'they are not',
        was={f'{HEAD}.published_turned_nms': True})
    lone_queries: bool = quirk(
        False, 'nuScenes: a query attends to itself alone', 'queries attend to each other',
        was={f'{LAYER}.published_lone_queries': True})
    wrapping: bool = quirk(
        False, 'nuScenes: the square of cells that a query sees wraps around the map',
        'it ends with the map', was={f'{LAYER}.published_wrapping': True})
    top_height: bool = quirk(
        False, 'nuScenes: the height branch predicts the top of the box', 'the center',
        was={f'{HEAD}.published_top_height': True},
        switches={f'{HEAD}.bbox_coder.top_height': True})
    iou_shift: bool = quirk(
        False, 'nuScenes: IoU is measured with box centers taken for bottom centers',
        'with the boxes', was={f'{HEAD}.published_iou_shift': 0.5},
        switches={f'{HEAD}.losses.iou_shift': 0.5})
    leaf_parameters: bool = quirk(
        False, 'the projections into the attention are never trained', 'they are',
        was={'optim_wrapper.paramwise_cfg.published_leaf_parameters': True},
        switches={'optim_wrapper.paramwise_cfg.leaf_parameters': True})
