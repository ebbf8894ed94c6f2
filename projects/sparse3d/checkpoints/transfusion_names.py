"""Names of TransFusion's head in OpenPCDet's layout, and ours, as rules of expressions.

What the detectors that were published with this head have in common (nuScenes).
"""
LAYER = r'bbox_head.decoder.layers.0'
HEAT = (
    (r'dense_head\.heatmap_head\.0\.conv\.(.+)', r'bbox_head.heat.0.\1'),
    (r'dense_head\.heatmap_head\.0\.bn\.(.+)', r'bbox_head.heat.1.\1'),
    (r'dense_head\.heatmap_head\.1\.(.+)', r'bbox_head.heat.3.\1'),
)
TRANSFUSION_HEAD = (
    (r'dense_head\.shared_conv\.(.+)', r'bbox_head.shared.\1'),
    (r'dense_head\.class_encoding\.(.+)', r'bbox_head.class_encoding.encoding.\1'),
    (r'dense_head\.decoder\.self_attn\.(.+)', LAYER + r'.self_attention.attention.\1'),
    (r'dense_head\.decoder\.multihead_attn\.(.+)', LAYER + r'.cross_attention.attention.\1'),
    (r'dense_head\.decoder\.norm1\.(.+)', LAYER + r'.self_attention.norm.\1'),
    (r'dense_head\.decoder\.norm2\.(.+)', LAYER + r'.cross_attention.norm.\1'),
    (r'dense_head\.decoder\.norm3\.(.+)', LAYER + r'.feed_forward.norm.\1'),
    (r'dense_head\.decoder\.linear1\.(.+)', LAYER + r'.feed_forward.network.0.\1'),
    (r'dense_head\.decoder\.linear2\.(.+)', LAYER + r'.feed_forward.network.3.\1'),
    (r'dense_head\.decoder\.self_posembed\.position_embedding_head\.(.+)',
     LAYER + r'.query_position.network.\1'),
    (r'dense_head\.decoder\.cross_posembed\.position_embedding_head\.(.+)',
     LAYER + r'.key_position.network.\1'),
    (r'dense_head\.prediction_head\.(\w+)\.0\.([01])\.(.+)',
     r'bbox_head.decoder.branches.branches.\1.\2.\3'),
    (r'dense_head\.prediction_head\.(\w+)\.1\.(.+)',
     r'bbox_head.decoder.branches.branches.\1.3.\2'),
)
