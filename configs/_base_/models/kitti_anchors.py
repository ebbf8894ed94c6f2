"""Anchors of the detectors of KITTI's three classes, once; no config. Sizes as OpenPCDet's."""
from sparse3d_configs._base_.grids import KITTI_RANGE

SIZES = [[3.9, 1.6, 1.56], [0.8, 0.6, 1.73], [1.76, 0.6, 1.73]]  # meters
BOTTOMS = [-1.78, -0.6, -0.6]                                    # meters above the LiDAR
OVERLAPS = [(0.6, 0.45), (0.5, 0.35), (0.5, 0.35)]               # positive from, negative below


def ranges(limits=KITTI_RANGE, bottoms=BOTTOMS):
    """Where the anchors of each class stand on the ground of a range."""
    return [[*limits[:2], bottom, *limits[3:5], bottom] for bottom in bottoms]


def assigners(thresholds=OVERLAPS):
    """Who learns an object, for each class."""
    return [dict(
        type='Max3DIoUAssigner',
        iou_calculator=dict(type='BboxOverlapsNearest3D'),
        pos_iou_thr=positive,
        neg_iou_thr=negative,
        min_pos_iou=negative,
        ignore_iof_thr=-1) for positive, negative in thresholds]


def head(width, **more):
    """Of a head on a map of so many channels."""
    return dict(
        num_classes=3,
        in_channels=width,
        feat_channels=width,
        use_direction_classifier=True,
        # The bins of the direction meet between the axes along which most cars stand.
        dir_offset=0.78539,
        dir_limit_offset=0,
        assign_per_class=True,
        anchor_generator=dict(
            type='Anchor3DRangeGenerator',
            ranges=ranges(),
            sizes=SIZES,
            rotations=[0, 1.57],
            reshape_out=False),
        diff_rad_by_sin=True,
        bbox_coder=dict(type='DeltaXYZWLHRBBoxCoder'),
        loss_cls=dict(
            type='mmdet.FocalLoss', use_sigmoid=True, gamma=2.0, alpha=0.25, loss_weight=1.0),
        loss_bbox=dict(type='mmdet.SmoothL1Loss', beta=1.0 / 9.0, loss_weight=2.0),
        loss_dir=dict(type='mmdet.CrossEntropyLoss', use_sigmoid=False, loss_weight=0.2),
        **more)


def training():
    """What the training of such a head is told."""
    return dict(assigner=assigners(), allowed_border=0, pos_weight=-1, debug=False)
