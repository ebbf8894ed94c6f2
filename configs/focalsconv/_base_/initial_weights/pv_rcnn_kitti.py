# How the release's PV-RCNN begins, for initial_weights='released'.
# Source: dvlab-research/FocalsConv e7b68e4, OpenPCDet/pcdet: AnchorHeadSingle, PVRCNNHead,
# StackSAModuleMSG; PyTorch's and spconv 2's own for the rest.
released_weights = [
    [r'image_encoder\.backbone\..*', 'as built'],  # from a file
    [r'rpn_head\.conv_cls\.bias', 'constant', -4.59511985013459],
    [r'rpn_head\.conv_reg\.weight', 'normal', 0.001],
    [r'(roi_head\.pooling|keypoint_encoder\.(raw_point_layer|stage_layers))\..*weight',
     'kaiming normal'],
    [r'roi_head\.box_delta_out\.weight', 'normal', 0.001],
    [r'roi_head\..*weight', 'xavier normal'],
    [r'roi_head\..*bias', 'constant', 0],
    [r'.*weight', 'linear'],
    [r'.*bias', 'bias of linear'],
]
