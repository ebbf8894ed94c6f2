"""Center heads of CenterPoint's detectors, once; no config. Source: CenterPoint (CVPR 2021)."""


def head(tasks, width, shared, cells, center_range, *, loss_weight, code_weights, max_objs,
         max_num, nms_thr, pre_max_size, post_max_size, moving=False, **separate):
    """On a map of ``width`` channels; names as mmdet3d's.

    Args:
        shared: channels of the convolution before the branches.
        cells: (voxel_size, range, shape, stride) of the voxels and, in voxels, of the map.
        center_range: where detections may lie.
        moving: with velocities.
        separate: more of ``SeparateHead``.
    """
    voxel_size, limits, shape, stride = cells
    branches = dict(reg=(2, 2), height=(1, 2), dim=(3, 2), rot=(2, 2))
    return dict(
        type='MovingCenterHead' if moving else 'StaticCenterHead',
        in_channels=width,
        tasks=tasks,
        common_heads=dict(branches, vel=(2, 2)) if moving else branches,
        share_conv_channel=shared,
        bbox_coder=dict(
            type='CenterPointBBoxCoder',
            pc_range=limits[:2],
            post_center_range=center_range,
            max_num=max_num,
            score_threshold=0.1,
            out_size_factor=stride,
            voxel_size=voxel_size[:2],
            code_size=9 if moving else 7),
        separate_head=dict(type='SeparateHead', init_bias=-2.19, final_kernel=3, **separate),
        loss_cls=dict(type='mmdet.GaussianFocalLoss', reduction='mean'),
        loss_bbox=dict(type='mmdet.L1Loss', reduction='mean', loss_weight=loss_weight),
        norm_bbox=True,
        train_cfg=dict(
            grid_size=shape[::-1],
            voxel_size=voxel_size,
            point_cloud_range=limits,
            out_size_factor=stride,
            dense_reg=1,
            gaussian_overlap=0.1,
            min_radius=2,
            max_objs=max_objs,
            code_weights=code_weights),
        test_cfg=dict(
            nms_type='rotate',
            post_center_limit_range=center_range,
            score_threshold=0.1,
            nms_thr=nms_thr,
            pre_max_size=pre_max_size,
            post_max_size=post_max_size))
