# PV-RCNN on KITTI voxels of 5 cm, three classes; a plain sparse encoder (no focal stages).
_base_ = ['voxel_rcnn_kitti.py']


def balls(in_channels, width, radii, limits):
    return dict(in_channels=in_channels, channels=[[width, width]] * 2, radii=radii, limits=limits)


model = dict(
    backbone=dict(out_channels=[128, 256]),
    neck=dict(in_channels=[128, 256], out_channels=[256, 256]),
    rpn_head=dict(in_channels=512, feat_channels=512),
    keypoint_encoder=dict(
        type='KeypointEncoder',
        num_keypoints=2048,
        voxel_size={{_base_.grid_voxel_size}},
        point_cloud_range={{_base_.grid_range}},
        bev=dict(channels=256),
        points=balls(1, 16, [0.4, 0.8], [16, 16]),
        stages={
            '1': balls(16, 16, [0.4, 0.8], [16, 16]),
            '2': balls(32, 32, [0.8, 1.2], [16, 32]),
            '3': balls(64, 64, [1.2, 2.4], [16, 32]),
            '4': balls(64, 64, [2.4, 4.8], [16, 32])
        },
        out_channels=128),
    roi_head=dict(
        pooling=dict(
            _delete_=True,
            type='KeypointRoIPooling',
            **balls(128, 64, [0.8, 1.6], [16, 16])),
        detections=dict(score_threshold=0.1)),
    proposals=dict(test=dict(nms_pre=1024)))
