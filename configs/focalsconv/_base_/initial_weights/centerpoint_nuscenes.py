# How the release's CenterPoint begins, for initial_weights='released': last layers are not small,
# dense maps have PyTorch's own.
# Source: dvlab-research/FocalsConv e7b68e4, CenterPoint/det3d: SepHead; RPN.init_weights is never
# called; spconv 2's own for sparse layers.
released_weights = [
    [r'image_encoder\.backbone\..*', 'as built'],  # from a file
    [r'bbox_head\.task_heads\.\d+\.heatmap\..*bias', 'constant', -2.19],
    [r'bbox_head\.task_heads\.\d+\.heatmap\..*weight', 'linear'],
    [r'bbox_head\.task_heads\..*weight', 'kaiming normal, outputs'],
    [r'bbox_head\.task_heads\..*bias', 'constant', 0],
    [r'.*weight', 'linear'],
    [r'.*bias', 'bias of linear'],
]
