# Waymo: splits, which the data sets of boxes and of people share.
# Data elsewhere: --cfg-options data_root=/disk/waymo/kitti_format, or
# SPARSE3D_WAYMO=/disk/waymo/kitti_format.
data_root = '{{$SPARSE3D_WAYMO:data/waymo/kitti_format}}'
modality = dict(use_lidar=True, use_camera=False)

# x, y, z, intensity, elongation; with num_frames=2..4 also the age in seconds
load_points = dict(type='LoadWaymoPoints', num_frames=1, tanh=[])

train_dataloader = dict(
    batch_size=2,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='EpochSampler', shuffle=True),
    dataset=dict(data_root=data_root, ann_file='waymo_infos_train.pkl', modality=modality))
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        data_root=data_root,
        ann_file='waymo_infos_val.pkl',
        modality=modality,
        test_mode=True))
test_dataloader = val_dataloader

val_evaluator = dict(ann_file=data_root + '/waymo_infos_val.pkl')
test_evaluator = val_evaluator
