"""Public weights of SECOND and PointPillars on KITTI, from OpenPCDet and mmdet3d 1.x.

Both publish the same layers; what differs besides names goes with the converted checkpoint, as
published quirks (:mod:`focalsconv.published_baselines`):

- the angle at which the two bins of the direction meet: a quarter of pi (OpenPCDet) or minus a
  half (mmdet3d);
- where PointPillars' anchors lie: from edge to edge of the range (OpenPCDet) or in the middle of
  the map's cells (mmdet3d);
- what mmdet3d's pillars see: offsets to the middle of the pillar in place of x, y, z as well.
"""
from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from focalsconv.baseline_names import Rules, classes_first_to_last, rename

CONFIGS = dict(SECOND='second_kitti_3class', PointPillars='pointpillars_kitti_3class')
OPENPCDET_RULES: Rules = (
    (r'vfe\.(pfn_layers\..+)', r'voxel_encoder.\1'),
    (r'backbone_3d\.conv([1-4])\.(.+)', r'middle_encoder.encoder_layers.encoder_layer\1.\2'),
    (r'backbone_3d\.(conv_(?:input|out)\..+)', r'middle_encoder.\1'),
    (r'backbone_2d\.deblocks\.(.+)', r'neck.deblocks.\1'),
    (r'backbone_2d\.blocks\.(.+)', r'backbone.blocks.\1'),
    (r'dense_head\.conv_box\.(.+)', r'bbox_head.conv_reg.\1'),
    (r'dense_head\.(conv_(?:dir_)?cls\..+)', r'bbox_head.\1'),
)
# Fields of BaselinesPublished by whose weights and which detector; none for SECOND of OpenPCDet.
QUIRKS: dict[tuple[str, str], dict[str, bool]] = {
    ('mmdet3d', 'SECOND'): dict(direction_offset=True),
    ('mmdet3d', 'PointPillars'): dict(direction_offset=True, pillar_offsets=True),
    ('OpenPCDet', 'PointPillars'): dict(anchors_at_the_edges=True),
}


def one_stage_layout(weights: Mapping[str, Tensor]) -> tuple[str, str] | None:
    """(whose, which detector), or None for another one."""
    names = set(weights)
    if any(name.startswith(('roi_head.', 'pfe.', 'points_encoder.')) for name in names):
        return None
    for whose, head, pillars, voxels in (
            ('OpenPCDet', 'dense_head.conv_cls.weight', 'vfe.pfn_layers.', 'backbone_3d.conv'),
            ('mmdet3d', 'bbox_head.conv_cls.weight', 'voxel_encoder.pfn_layers.',
             'middle_encoder.conv')):
        if head in names:
            for start, detector in ((pillars, 'PointPillars'), (voxels, 'SECOND')):
                if any(name.startswith(start) for name in names):
                    return whose, detector
    return None


def of_openpcdet(weights: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Tensors under our names, and names that have no place."""
    return rename(weights, OPENPCDET_RULES)


def of_mmdet3d(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """mmdet3d's classes and anchors are Pedestrian, Cyclist, Car; ours are Car first."""
    return classes_first_to_last(weights)
