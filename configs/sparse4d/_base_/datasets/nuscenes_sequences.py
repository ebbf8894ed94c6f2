# nuScenes as sequences of single frames: every place of a batch walks through one of its own.
_base_ = ['../../../_base_/datasets/nuscenes_camera.py']
from sparse3d.engine.pipeline_steps import replaced

image_size = [256, 704]  # height, width in pixels
frames = dict(num_frames=1)  # the rest is remembered
max_distance = 55.0      # meters; what is farther is not learned

train_pipeline = replaced(
    _base_.train_pipeline,
    LoadMultiViewImages=[
        dict(type='LoadMultiViewImages'),
        dict(type='LoadPoints', columns=5),  # for depth maps alone
    ],
    LoadAnnotations3D=[
        dict(type='LoadAnnotations3D', with_bbox_3d=True, with_label_3d=True),
        dict(type='LoadTrackIds'),
    ],
    KeepObjects=[],
    AugmentImages=[
        dict(
            type='AugmentSequenceImages',
            size=image_size,
            original_size=[900, 1600],
            resize=[0.40, 0.47],
            flip=True,
            angle=[-0.0942478, 0.0942478],    # 5.4 degrees
            scene_angle=[-0.3925, 0.3925]),
        dict(type='DepthMaps', strides=[4, 8, 16], max_depth=60.0),
    ],
    AugmentScene=[
        dict(type='TurnScene'),
        dict(type='KeepNearObjects', max_distance=max_distance),
        dict(type='KeepObjects', classes=_base_.class_names),
    ],
    PackSample=dict(
        type='PackSample',
        keys=[
            'img', 'depth_maps', 'gt_bboxes_3d', 'gt_labels_3d', 'gt_velocity_known',
            'gt_track_ids'
        ],
        more_meta_keys=_base_.meta_keys))

train_dataloader = dict(
    batch_size=6,
    num_workers=6,
    sampler=dict(_delete_=True, type='SequenceSampler', parts=2, skip=0.5, reverse=0.1),
    batch_sampler=dict(type='SequenceBatchSampler'),
    dataset=dict(
        pipeline=train_pipeline,
        modality=dict(use_lidar=True, use_camera=True),
        frames=frames,
        objects='lidar'))
val_dataloader = dict(
    sampler=dict(_delete_=True, type='SceneSampler'),  # no process gets a part of a scene
    dataset=dict(frames=frames))
test_dataloader = val_dataloader
