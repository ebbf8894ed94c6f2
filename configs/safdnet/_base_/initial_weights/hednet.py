# How the release's HEDNet begins: submanifold and dense convolutions of its backbone Kaiming.
# initial_weights='own' begins without the Kaiming of the backbone, and classes as rare.
# Source: zhanggang001/HEDNet 8694e7f: init_weights of HEDNet and HEDNet2D, SeparateHead of
# center_head.py and transfusion_head.py, spconv 2's and PyTorch's own for the rest.
initial_weights = 'released'
released_weights = [
    [r'middle_encoder\..*\.(first|second)\.0\.weight', 'kaiming normal'],
    [r'middle_encoder\.stem\.0\.0\.weight', 'kaiming normal'],
    [r'backbone\.layers\.\d+\.encoder\..*weight', 'kaiming normal'],
    [r'bbox_head\.task_heads\.\d+\.heatmap\.3\.bias', 'constant', -2.19],
    [r'bbox_head\.task_heads\.\d+\.heatmap\..*weight', 'linear'],
    [r'bbox_head\.task_heads\..*bias', 'constant', 0],
    [r'bbox_head\.task_heads\..*weight', 'kaiming normal'],
    [r'bbox_head\.decoder\.branches\..*weight', 'linear'],
    [r'bbox_head\.decoder\..*(in_proj_bias|out_proj\.bias)', 'constant', 0],
    [r'bbox_head\.decoder\..*weight', 'xavier'],
    [r'.*weight', 'linear'],
    [r'.*bias', 'bias of linear'],
]
