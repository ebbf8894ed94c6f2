# How the release's TransFusion-L begins, for initial_weights='released': nothing sets the biases of
# its classes, and its sparse convolutions take kernel and outputs for inputs.
# Source: yichen928/SparseFusion 2253778: TransFusionHead.init_weights, ConvModule of mmcv,
# SECONDFPN.init_weights, ops/spconv/conv.py.
released_weights = [
    [r'middle_encoder\..*weight', 'sparse 1.x'],
    [r'backbone\..*weight', 'linear'],
    [r'neck\.deblocks\.0\..*weight', 'kaiming normal, outputs'],
    [r'neck\..*weight', 'linear'],
    [r'bbox_head\.decoder\.layers\..*(in_proj_bias|out_proj\.bias)', 'constant', 0],
    [r'bbox_head\.decoder\.layers\..*weight', 'xavier'],
    [r'bbox_head\.(heat|decoder\.branches\.branches\.\w+)\.0\..*weight', 'kaiming normal, outputs'],
    [r'bbox_head\..*weight', 'linear'],
    [r'.*bias', 'bias of linear'],
]
