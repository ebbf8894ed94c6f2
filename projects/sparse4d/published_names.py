"""Names of released Sparse4D tensors and ours."""
from __future__ import annotations

import re

# A flat list of parts makes up the released decoder; where each part of ours is in it.
SINGLE_FRAME = ('aggregation', 'feedforward', 'norm', 'refinement')
LAYER = ('temporal_attention', 'self_attention', 'attention_norm', *SINGLE_FRAME)
FIRST_VERSION = ('self_attention', 'attention_norm', 'aggregation', 'aggregation_norm',
                 'feedforward', 'norm', 'refinement')

# Inside a part: released -> ours, the first that fits.
PARTS = {
    'aggregation': (
        ('kps_generator.fix_scale', 'key_points.fixed'),
        ('kps_generator.learnable_fc.', 'key_points.learned.'),
        ('camera_encoder.', 'weighting.camera_encoder.'),
        ('weights_fc.', 'weighting.weights.'),
        ('output_proj.', 'output.'),
        ('temp_module.fusion_layer.', 'fusion.')),
    'feedforward': (
        ('pre_norm.', 'norm.'), ('identity_fc.', 'identity.'),
        ('layers.0.0.', 'network.0.'), ('layers.1.', 'network.3.')),
    'refinement': (
        ('layers.', 'box.'), ('cls_layers.', 'classes.'), ('quality_layers.', 'quality.')),
}
PREFIXES = (
    ('head.instance_bank.', 'bbox_head.bank.'),
    ('head.anchor_encoder.pos_fc.', 'bbox_head.anchor_encoder.parts.center.'),
    ('head.anchor_encoder.size_fc.', 'bbox_head.anchor_encoder.parts.size.'),
    ('head.anchor_encoder.yaw_fc.', 'bbox_head.anchor_encoder.parts.yaw.'),
    ('head.anchor_encoder.vel_fc.', 'bbox_head.anchor_encoder.parts.velocity.'),
    ('head.anchor_encoder.output_fc.', 'bbox_head.anchor_encoder.output.'),
    ('head.fc_before.', 'bbox_head.values.value_projection.'),
    ('head.fc_after.', 'bbox_head.values.output_projection.'),
    ('head.depth_module.depth_fc.0.layers.0.0.', 'bbox_head.depth.feedforwards.0.network.0.'),
    ('head.depth_module.depth_fc.0.layers.1.', 'bbox_head.depth.feedforwards.0.network.3.'),
    ('head.depth_module.depth_fc.1.layers.0.0.', 'bbox_head.depth.feedforwards.1.network.0.'),
    ('head.depth_module.depth_fc.1.layers.1.', 'bbox_head.depth.feedforwards.1.network.3.'),
    ('head.depth_module.depth_fc.2.', 'bbox_head.depth.output.'),
    ('depth_branch.', 'depth_branch.'),
    ('img_backbone.', 'backbone.'),
    ('img_neck.', 'neck.'),
)
# Carried along in released files, and used by nothing.
CONSTANTS = re.compile(r'head\.instance_bank\.anchor_handler\.fix_scale')
FIXED_POINTS = 'aggregation.key_points.fixed'
ENTRY = re.compile(r'head\.layers\.(\d+)\.(.+)')


def ours(name: str, first_version: bool = False) -> str | None:
    """Our name of a released tensor; None for a constant or an unknown name.

    Args:
        first_version: of v1, whose decoder is another list.
    """
    if CONSTANTS.fullmatch(name):
        return None
    entry = ENTRY.fullmatch(name)
    if entry:
        layer, part = place_of(int(entry[1]), first_version)
        inside = _inside(part, entry[2])
        return inside and f'bbox_head.layers.{layer}.{part}.{inside}'
    for theirs, prefix in PREFIXES:
        if name.startswith(theirs):
            return prefix + name.removeprefix(theirs)
    return None


def place_of(index: int, first_version: bool = False) -> tuple[int, str]:
    """Layer and part of ours of an entry of the released list."""
    if first_version:
        return index // len(FIRST_VERSION), FIRST_VERSION[index % len(FIRST_VERSION)]
    if index < len(SINGLE_FRAME):
        return 0, SINGLE_FRAME[index]
    layer, part = divmod(index - len(SINGLE_FRAME), len(LAYER))
    return layer + 1, LAYER[part]


def _inside(part: str, name: str) -> str | None:
    for theirs, prefix in PARTS.get(part, (('', ''),)):
        if name.startswith(theirs):
            return prefix + name.removeprefix(theirs)
    return None
