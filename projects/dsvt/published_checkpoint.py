"""Published DSVT checkpoints: their names, and ours."""
from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor



RULES = (  # published name -> ours, first match counts
    (r'vfe\.(pfn_layers\..+)', r'voxel_encoder.\1'),
    (r'backbone_3d\.input_layer\.posembed_layers\.(\d+)\.(\d+)\.([01])\.(.+)',
     r'middle_encoder.stages.\1.embeddings.\2.\3.\4'),
    (r'backbone_3d\.stage_(\d+)\.(\d+)\.(encoder_list\..+)',
     r'middle_encoder.stages.\1.blocks.\2.\3'),
    (r'backbone_3d\.residual_norm_stage_(\d+)\.(\d+)\.(.+)',
     r'middle_encoder.stages.\1.norms.\2.\3'),
    (r'backbone_3d\.stage_(\d+)_reduction\.(.+)', r'middle_encoder.poolings.\1.\2'),
    (r'backbone_2d\.blocks\.(\d+)\.(\d+)\.downsample_layer\.(.+)',
     r'backbone.blocks.\1.\2.shortcut.\3'),
    (r'backbone_2d\.((?:de)?blocks\..+)', r'backbone.\1'),
)
CENTER_HEAD_RULES = (
    (r'dense_head\.(shared_conv\..+)', r'bbox_head.\1'),
    (r'dense_head\.heads_list\.0\.(\w+)\.0\.([01])\.(.+)', r'bbox_head.branches.\1.\2.\3'),
    (r'dense_head\.heads_list\.0\.(\w+)\.1\.(.+)', r'bbox_head.branches.\1.3.\2'),
)


def translate(name: str, rules: tuple = RULES + CENTER_HEAD_RULES) -> str | None:
    """Our name for a published one, or None."""
    for pattern, replacement in rules:
        match = re.fullmatch(pattern, name)
        if match:
            return match.expand(replacement)
    return None
