"""Names of the released SparseFusion and TransFusion-L weights, and ours."""
from __future__ import annotations

import re

# Inside a decoder layer, for each kind of layer; None for what has no effect.
LAYER = {
    'linear1': 'feed_forward.network.0', 'linear2': 'feed_forward.network.3',
    'norm3': 'feed_forward.norm',
    'self_posembed.position_embedding_head': 'query_position.network',
    'cross_posembed.position_embedding_head': 'key_position.network',
}
MAP_LAYER = LAYER | {
    'self_attn': 'self_attention.attention', 'norm1': 'self_attention.norm',
    'multihead_attn': 'cross_attention.attention', 'norm2': 'cross_attention.norm',
}
IMAGE_LAYER = LAYER | {
    'self_attn': 'self_attention.attention', 'norm1': 'self_attention.norm',
    'multihead_attn': 'image_attention', 'norm2': 'norm',
    'cross_posembed.position_embedding_head': 'pixel_position.network',
}
QUERY_LAYER = LAYER | {
    'multihead_attn': 'attention.attention', 'norm2': 'attention.norm', 'norm1': None,
}
FUSION_LAYER = QUERY_LAYER | {'cross_posembed.position_embedding_head': None}  # a second name

# Published prefix -> (our prefix, kind of layer).
LAYERS = {
    'point_transformer.decoder.': ('lidar_decoder.layers.', MAP_LAYER),
    'img_transformer.decoder.0.': ('camera_detector.decoder.', IMAGE_LAYER),
    'cross_heatmap_decoder.': ('semantic_transfer.decoder.', IMAGE_LAYER),
    'view_transformer.decoder.': ('view_transformation.attention.', QUERY_LAYER),
    'fusion_transformer.decoder.0.': ('fusion.', FUSION_LAYER),
}
BRANCHES = {
    'point_transformer.prediction_heads.': 'lidar_decoder.branches.branches.',
    'img_transformer.prediction_heads.': 'camera_detector.branches.branches.',
    'view_transformer.prediction_heads.': 'view_transformation.branches.branches.',
    'fusion_transformer.prediction_heads.': 'fusion_branches.branches.',
}
# Pattern -> ours; None for what has no effect.
SINGLE = (
    (r'level_pos', 'level_embedding'),
    (r'shared_conv\.(.+)', r'shared.\1'),
    (r'heatmap_head\..+', None),  # replaced by the heat map with the images' semantics
    (r'class_encoding\.(.+)', r'class_encoding.encoding.\1'),
    (r'img_class_encoding\.(.+)', r'camera_detector.class_encoding.encoding.\1'),
    (r'img_heatmap_head\.(\d)\.0\.module\.(.+)', r'camera_detector.heat.\1.0.\2'),
    (r'img_heatmap_head\.(\d)\.1\.(.+)', r'camera_detector.heat.\1.1.\2'),
    (r'heatmap_pts_proj\.(.+)', r'semantic_transfer.map_projection.\1'),
    (r'heatmap_img_proj\.(.+)', r'semantic_transfer.image_projection.\1'),
    (r'cross_heatmap_head\.0\.(.+)', r'semantic_transfer.heat.\1'),
    (r'reduce_conv\.module\.(.+)', r'semantic_transfer.reduce.\1'),
    (r'depth_resnet\.conv_depth\.(.+)', r'geometric_transfer.stem.\1'),
    (r'depth_resnet\.layers\.(\d)\.0\.downsample\.(.+)',
     r'geometric_transfer.blocks.\1.shortcut.\2'),
    (r'depth_resnet\.layers\.(\d)\.0\.(.+)', r'geometric_transfer.blocks.\1.\2'),
    (r'depth_resnet\.fuse_layers\.(.+)', r'geometric_transfer.join.\1'),
    (r'view_transformer\.camera_net\.bn\.(.+)', r'view_transformation.gate.norm.\1'),
    (r'view_transformer\.camera_net\.mlp_depth\.(.+)', r'view_transformation.gate.network.\1'),
    (r'view_transformer\.view_projection\.feat_proj\.(.+)', r'view_transformation.projection.0.\1'),
    (r'view_transformer\.view_projection\.norm\.(.+)', r'view_transformation.projection.1.\1'),
    (r'fusion_transformer\.pts_projection\.feat_proj\.(.+)', r'lidar_projection.0.\1'),
    (r'fusion_transformer\.pts_projection\.norm\.(.+)', r'lidar_projection.1.\1'),
    (r'fusion_transformer\.img_projection\.feat_proj\.(.+)', r'camera_projection.0.\1'),
    (r'fusion_transformer\.img_projection\.norm\.(.+)', r'camera_projection.1.\1'),
)
DETECTOR = {'img_backbone.': 'image_backbone.', 'img_neck.': 'image_neck.',
            'pts_middle_encoder.': 'middle_encoder.', 'pts_backbone.': 'backbone.',
            'pts_neck.': 'neck.'}
# Inside a branch: convolution, normalization, last layer.
BRANCH_PARTS = ((r'^0\.conv\.', '0.'), (r'^0\.bn\.', '1.'), (r'^1\.', '3.'))
NO_EFFECT = ''  # what :func:`ours` says of a tensor that changes nothing


def ours(name: str) -> str | None:
    """Our name of a tensor of the released SparseFusion.

    Returns:
        ``NO_EFFECT`` for a tensor that changes no output, None for an unknown one.
    """
    for prefix, replacement in DETECTOR.items():
        if name.startswith(prefix):
            return replacement + name.removeprefix(prefix)
    if not name.startswith('pts_bbox_head.'):
        return None
    found = _of_head(name.removeprefix('pts_bbox_head.'))
    return f'bbox_head.{found}' if found else found


def as_sparsefusion(name: str) -> str:
    """Name in the released SparseFusion of a tensor of the released TransFusion-L."""
    name = name.replace('pts_bbox_head.decoder.', 'pts_bbox_head.point_transformer.decoder.')
    return name.replace('pts_bbox_head.prediction_heads.0.',
                        'pts_bbox_head.point_transformer.prediction_heads.')


def as_transfusion(name: str) -> str | None:
    """Our name in TransFusion-L of what :func:`ours` names in SparseFusion, or its heat map."""
    heat = re.fullmatch(r'pts_bbox_head\.heatmap_head\.(.+)', name)
    if heat:
        return f'bbox_head.heat.{_of_branch("heat." + heat[1]).removeprefix("heat.")}'
    found = ours(as_sparsefusion(name))
    return found and found.replace('bbox_head.lidar_decoder.', 'bbox_head.decoder.')


def _of_head(name: str) -> str | None:
    for prefix, (replacement, parts) in LAYERS.items():
        if name.startswith(prefix):
            return _of_layer(name.removeprefix(prefix), replacement, parts)
    for prefix, replacement in BRANCHES.items():
        if name.startswith(prefix):
            return replacement + _of_branch(name.removeprefix(prefix))
    for pattern, replacement in SINGLE:
        found = re.fullmatch(pattern, name)
        if found:
            return NO_EFFECT if replacement is None else found.expand(replacement)
    return None


def _of_layer(name: str, prefix: str, parts: dict[str, str | None]) -> str | None:
    numbered = re.fullmatch(r'(\d\.)?(.+)', name) if prefix.endswith('layers.') else None
    number, name = (numbered[1] or '', numbered[2]) if numbered else ('', name)
    for part, replacement in parts.items():
        if name.startswith(f'{part}.'):
            return NO_EFFECT if replacement is None else (
                f'{prefix}{number}{replacement}.{name.removeprefix(part + ".")}')
    return None


def _of_branch(name: str) -> str:
    branch, rest = name.split('.', 1)
    if branch.endswith('_2d') or branch == 'cls':
        return name
    for pattern, replacement in BRANCH_PARTS:
        if re.match(pattern, rest):
            return f'{branch.removesuffix("_view")}.{re.sub(pattern, replacement, rest)}'
    return name
