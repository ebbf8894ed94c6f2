"""What public weights of SECOND and PointPillars on KITTI want otherwise than the configs."""
from __future__ import annotations

import math
from dataclasses import dataclass

from sparse3d.published import PublishedSet, quirk

HEAD = 'model.bbox_head'
# From edge to edge, for a generator that puts anchors in the middle of 216 x 248 cells.
ALONG_X, ALONG_Y = 69.12 / 215, 79.36 / 247
EDGE_TO_EDGE = [[-ALONG_X / 2, -39.68 - ALONG_Y / 2, bottom,
                 69.12 + ALONG_X / 2, 39.68 + ALONG_Y / 2, bottom] for bottom in (-1.78, -.6, -.6)]


def option(key: str, value: object, does: str, right: str) -> bool:
    """A quirk that one option of the core's parts is, of this value."""
    return quirk(False, does, right, was={key: value}, switches={key: value})


@dataclass(frozen=True)
class BaselinesPublished(PublishedSet):
    """Quirks of public baselines; all are options of the core's parts, off for a new training."""

    direction_offset: bool = option(
        f'{HEAD}.dir_offset', -math.pi / 2,
        'mmdet3d: the two bins of the direction meet at minus half of pi', 'at a quarter of pi')
    pillar_offsets: bool = option(
        'model.voxel_encoder.legacy', True,
        'mmdet3d: pillars see offsets to their middle in place of x, y, z', 'beside x, y, z')
    anchors_at_the_edges: bool = option(
        f'{HEAD}.anchor_generator.ranges', EDGE_TO_EDGE,
        "OpenPCDet: PointPillars' anchors lie from edge to edge of the range",
        "in the middle of the map's cells")
