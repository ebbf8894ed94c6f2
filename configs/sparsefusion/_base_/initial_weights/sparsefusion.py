# How the release's SparseFusion begins before the files of both branches are loaded, for
# initial_weights='released': nothing sets the biases of its classes and depths.
# Source: yichen928/SparseFusion 2253778: SparseFusionHead.init_weights, MSDeformAttn,
# SECONDFPN.init_weights, ops/spconv/conv.py.
released_weights = [
    [r'image_(backbone|neck)\..*', 'as built'],  # from a file
    [r'middle_encoder\..*weight', 'sparse 1.x'],
    [r'backbone\..*weight', 'linear'],
    [r'neck\.deblocks\.0\..*weight', 'kaiming normal, outputs'],
    [r'neck\..*weight', 'linear'],
    [r'bbox_head\.level_embedding', 'normal', 1],
    [r'bbox_head\..*\.(sampling_offsets|attention_weights|value_proj|output_proj)\..*', 'as built'],
    [r'bbox_head\..*(in_proj_bias|out_proj\.bias)', 'constant', 0],
    [r'bbox_head\..*weight', 'xavier'],
    [r'.*bias', 'bias of linear'],
]
