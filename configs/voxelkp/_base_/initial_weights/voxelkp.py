# How the release's VoxelKP begins, for initial_weights='released': last layers are not small.
# Source: shijianjian/VoxelKP c090c07: SeparateHead of voxelnext_head.py, spconv 2's and PyTorch's
# own for the rest.
released_weights = [
    [r'bbox_head\.branches\.heatmap\.output\.bias', 'constant', -2.19],
    [r'bbox_head\.branches\.heatmap\..*weight', 'linear'],
    [r'bbox_head\.branches\..*bias', 'constant', 0],
    [r'bbox_head\.branches\..*weight', 'kaiming normal'],
    [r'.*weight', 'linear'],
    [r'.*bias', 'bias of linear'],
]
