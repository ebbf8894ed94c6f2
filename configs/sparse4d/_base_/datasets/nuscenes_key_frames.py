# nuScenes for v1: a key frame with three earlier ones, one or two apart, of its scene.
_base_ = ['../../../_base_/datasets/nuscenes_camera.py']
from sparse3d.engine.pipeline_steps import replaced

image_size = [640, 1600]  # height, width in pixels: the lower part of a whole picture
max_distance = 55.0       # meters; what is farther is not learned

train_pipeline = replaced(
    _base_.train_pipeline,
    KeepObjects=[
        dict(type='KeepNearObjects', max_distance=max_distance),
        dict(type='KeepObjects', classes=_base_.class_names),
    ],
    AugmentImages=[dict(type='AugmentImages', size=image_size)],  # a crop
    AugmentScene=[],
    PackSample=dict(
        type='PackSample',
        keys=['img', 'gt_bboxes_3d', 'gt_labels_3d', 'gt_velocity_known'],
        more_meta_keys=[*_base_.meta_keys, 'frame_timestamps', 'frame_lidar2global',
                        'frame_there']))

train_dataloader = dict(
    dataset=dict(
        pipeline=train_pipeline,
        frames=dict(num_frames=4, key_frames=True, train_intervals=[1, 2], test_interval=1),
        objects='lidar'))
val_dataloader = dict(
    sampler=dict(_delete_=True, type='SceneSampler'),
    dataset=dict(frames=dict(num_frames=1)))  # earlier ones wait in a queue
test_dataloader = val_dataloader
