# How the release's Voxel R-CNN begins, for initial_weights='released'.
# Source: dvlab-research/FocalsConv e7b68e4, OpenPCDet/pcdet: AnchorHeadSingle, VoxelRCNNHead,
# NeighborVoxelSAModuleMSG; PyTorch's and spconv 2's own for the rest.
released_weights = [
    [r'image_encoder\.backbone\..*', 'as built'],  # from a file
    [r'rpn_head\.conv_cls\.bias', 'constant', -4.59511985013459],
    [r'rpn_head\.conv_reg\.weight', 'normal', 0.001],
    [r'roi_head\.pooling\..*weight', 'kaiming normal'],
    [r'roi_head\.score_out\.weight', 'normal', 0.01],
    [r'roi_head\.box_delta_out\.weight', 'normal', 0.001],
    [r'roi_head\..*weight', 'xavier normal'],
    [r'roi_head\..*bias', 'constant', 0],
    [r'.*weight', 'linear'],
    [r'.*bias', 'bias of linear'],
]
