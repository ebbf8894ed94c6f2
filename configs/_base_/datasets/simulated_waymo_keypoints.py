# A simulated drive in Waymo's layout, people with 14 joints (pedestrians and cyclists as one)
# (make one: sparse3d simulate waymo, then sparse3d create-data waymo).
# Data elsewhere: SPARSE3D_SIMULATED_WAYMO=/data/drive/kitti_format sparse3d train ...
_base_ = ['waymo_keypoints.py']
from sparse3d.engine.pipeline_steps import changed

data_root = '{{$SPARSE3D_SIMULATED_WAYMO:data/simulated_waymo/kitti_format}}'
point_cloud_range = [-25.6, -25.6, -2, 25.6, 25.6, 2.8]  # meters: x, y, z from, x, y, z to
in_range = dict(point_cloud_range=point_cloud_range)

train_pipeline = changed(
    _base_.train_pipeline,
    GroundTruthSampling=dict(
        database=dict(
            data_root=data_root, info_path=data_root + '/waymo_people_dbinfos_train.pkl')),
    AugmentScene=dict(rotation=[-0.3, 0.3]),
    PointsRangeFilter=in_range,
    KeepObjects=in_range)
test_pipeline = changed(_base_.test_pipeline, PointsRangeFilter=in_range)

train_dataloader = dict(num_workers=1, dataset=dict(data_root=data_root, pipeline=train_pipeline))
val_dataloader = dict(num_workers=1, dataset=dict(data_root=data_root, pipeline=test_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + '/waymo_infos_val.pkl')
test_evaluator = val_evaluator
