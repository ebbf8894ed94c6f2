# nuScenes, LiDAR with nine earlier sweeps (OpenPCDet and det3d count the key frame: their ten),
# the recipe of CenterPoint: balanced classes, objects of other samples added.
_base_ = ['nuscenes_lidar.py']
from sparse3d.engine.pipeline_steps import changed, inserted_after

nine_sweeps = dict(sweeps=9)
sample_objects = dict(
    type='GroundTruthSampling',
    database=dict(
        data_root=_base_.data_root, info_path=_base_.data_root + '/nuscenes_dbinfos_train.pkl',
        columns=5),
    classes=_base_.class_names,
    groups=dict(
        car=2, truck=3, construction_vehicle=7, bus=4, trailer=6, barrier=2, motorcycle=6,
        bicycle=6, pedestrian=2, traffic_cone=2))
train_pipeline = inserted_after(
    changed(
        _base_.train_pipeline,
        LoadSweepPoints=nine_sweeps,
        AugmentScene=dict(order=['flip', 'rotate', 'scale', 'translate'])),
    LoadAnnotations3D=sample_objects)
test_pipeline = changed(_base_.test_pipeline, LoadSweepPoints=nine_sweeps)

train_dataloader = dict(
    dataset=dict(
        _delete_=True,  # the base's dataset stands in another one
        type='ClassBalancedDataset',
        dataset=dict(_base_.train_dataloader.dataset, pipeline=train_pipeline)))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
