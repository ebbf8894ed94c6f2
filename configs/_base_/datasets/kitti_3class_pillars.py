# KITTI in the range of PointPillars: whole cells of a map that is halved three times.
_base_ = ['kitti_3class.py']
data_root = '{{$SPARSE3D_KITTI:data/kitti}}'
class_names = ['Car', 'Pedestrian', 'Cyclist']
point_cloud_range = [0, -39.68, -3, 69.12, 39.68, 1]  # meters: x, y, z from, x, y, z to
voxel_size = [0.16, 0.16, 4]                          # meters

train_pipeline = [
    dict(type='LoadPoints', columns=4),
    dict(type='LoadAnnotations3D', with_bbox_3d=True, with_label_3d=True),
    dict(
        type='GroundTruthSampling',
        data_root=data_root,
        info_path=data_root + '/kitti_dbinfos_train.pkl',
        classes=class_names,
        groups=dict(Car=15, Pedestrian=15, Cyclist=15),
        min_points=dict(Car=5, Pedestrian=5, Cyclist=5),
        fill_up=False,  # so many are added, whatever is there
        use_ground_plane=True),
    dict(type='RandomFlip3D', sync_2d=False, flip_ratio_bev_horizontal=0.5),
    dict(
        type='GlobalRotScaleTrans',
        rot_range=[-0.78539816, 0.78539816],
        scale_ratio_range=[0.95, 1.05]),
    dict(type='PointsRangeFilter', point_cloud_range=point_cloud_range),
    dict(type='ObjectRangeFilter', point_cloud_range=point_cloud_range),
    dict(type='PointShuffle'),
    dict(type='Pack3DDetInputs', keys=['points', 'gt_bboxes_3d', 'gt_labels_3d']),
]
test_pipeline = [
    dict(type='LoadPoints', columns=4),
    dict(type='PointsRangeFilter', point_cloud_range=point_cloud_range),
    dict(type='Pack3DDetInputs', keys=['points']),
]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
