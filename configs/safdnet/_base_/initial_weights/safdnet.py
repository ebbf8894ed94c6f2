# How the release's SAFDNet begins: submanifold convolutions and branches Kaiming.
# initial_weights='own' begins without the Kaiming of the encoder, and nuScenes' heat as rare.
# Source: zhanggang001/HEDNet 8694e7f: init_weights of SparseHEDNet and SparseHEDNet2D, SeparateHead
# of sparse_center_head.py and sparse_transfusion_head.py; the rest is spconv 2's and PyTorch's own.
initial_weights = 'released'
released_weights = [
    [r'diffusion\.cls_output\.bias', 'constant', -2.19],
    [r'(middle_encoder|diffusion)\..*\.(first|second)\.0\.weight', 'kaiming normal'],
    [r'middle_encoder\.stem\.0\.0\.weight', 'kaiming normal'],
    [r'diffusion\.cls_(unit\.0|output)\.weight', 'kaiming normal'],
    [r'bbox_head\.task_heads\.\d+\.heatmap\.output\.bias', 'constant', -2.19],
    [r'bbox_head\.task_heads\..*bias', 'constant', 0],
    [r'bbox_head\.task_heads\..*weight', 'kaiming normal'],
    [r'bbox_head\.decoder\.branches\.branches\.heatmap\.3\.bias', 'constant', -2.19],
    [r'bbox_head\.decoder\.branches\..*bias', 'constant', 0],
    [r'bbox_head\.decoder\.branches\..*weight', 'kaiming normal'],
    [r'bbox_head\.decoder\..*(in_proj_bias|out_proj\.bias)', 'constant', 0],
    [r'bbox_head\.decoder\..*weight', 'xavier'],
    [r'.*weight', 'linear'],
    [r'.*bias', 'bias of linear'],
]
