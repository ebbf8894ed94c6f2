# Overfit a few real KITTI frames: a check of everything between files and boxes.
#   sparse3d create-data kitti KITTI --out data/kitti_few --all-frames
#   sparse3d train configs/focalsconv/focalsconv_centerpoint_kitti_car_overfit.py
# No augmentation, all frames in each step. AP means nothing on so few objects; the second
# metric says which cars were found, and whether anything else scored as high.
_base_ = [
    '../_base_/models/centerpoint_small.py',
    '../_base_/default_runtime.py',
]
custom_imports = dict(imports=['focalsconv.register'])

data_root = '{{$SPARSE3D_KITTI_FEW:data/kitti_few}}'
point_cloud_range = [0, -20, -3, 64, 20, 1]  # meters, a little further than the base
grid_size = [640, 400, 41]
metainfo = dict(classes=['Car'])
max_epochs = 100
learning_rate = 4e-3

model = dict(
    data_preprocessor=dict(voxel_layer=dict(point_cloud_range=point_cloud_range)),
    middle_encoder=dict(
        type='FocalSparseEncoder',
        sparse_shape=grid_size[::-1],
        voxel_size={{_base_.grid_voxel_size}},
        point_cloud_range=point_cloud_range,
        focal=dict(stages=(1, 2), max_dilation=0.5)),
    bbox_head=dict(
        bbox_coder=dict(
            pc_range=point_cloud_range[:2], post_center_range=[-10, -40, -10, 80, 40, 10]),
        train_cfg=dict(grid_size=grid_size, point_cloud_range=point_cloud_range),
        test_cfg=dict(post_center_limit_range=[-10, -40, -10, 80, 40, 10])))

pipeline = [
    dict(type='LoadPoints', columns=4),
    dict(type='LoadAnnotations3D', with_bbox_3d=True, with_label_3d=True),
    dict(type='PointsRangeFilter', point_cloud_range=point_cloud_range),
    dict(type='ObjectRangeFilter', point_cloud_range=point_cloud_range),
    dict(type='Pack3DDetInputs', keys=['points', 'gt_bboxes_3d', 'gt_labels_3d']),
]
test_pipeline = [
    dict(type='LoadPoints', columns=4),
    dict(type='PointsRangeFilter', point_cloud_range=point_cloud_range),
    dict(type='Pack3DDetInputs', keys=['points']),
]
dataset = dict(
    type='KittiDetectionDataset',
    data_root=data_root,
    ann_file='kitti_infos_train.pkl',
    data_prefix=dict(pts='training/velodyne_reduced', img='training/image_2'),
    modality=dict(use_lidar=True, use_camera=False),
    metainfo=metainfo)
train_dataloader = dict(
    batch_size=3,
    num_workers=0,
    sampler=dict(type='EpochSampler', shuffle=True),
    dataset=dict(pipeline=pipeline, **dataset))
val_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(pipeline=test_pipeline, test_mode=True, **dataset))
test_dataloader = val_dataloader
val_evaluator = [
    dict(type='KittiDetectionMetric', ann_file=data_root + '/kitti_infos_train.pkl'),
    dict(
        type='MatchedObjectsMetric',
        point_cloud_range=point_cloud_range,
        min_points=5,
        iou_threshold=0.7,
    ),
]
test_evaluator = val_evaluator

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=learning_rate, betas=(0.9, 0.99), weight_decay=0.0),
    clip_grad=dict(max_norm=35, norm_type=2))
param_scheduler = [
    dict(type='OneCycleLR', eta_max=learning_rate, total_steps=max_epochs, pct_start=0.3,
         div_factor=10, final_div_factor=100, by_epoch=True),
]
train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_interval=max_epochs)
val_cfg = dict()
test_cfg = dict()
default_hooks = dict(checkpoint=dict(interval=50), logger=dict(interval=10))
