# A simulated drive in KITTI's layout, LiDAR and the left color camera, cars
# (make one: sparse3d simulate kitti). Sampled objects are pasted into the images: after
# create_data.py kitti, run
#     sparse3d create-data crops kitti data/simulated_kitti
# Data elsewhere: SPARSE3D_SIMULATED_KITTI=/data/drive sparse3d train ...
_base_ = ['kitti_car_images.py']
from sparse3d.engine.pipeline_steps import changed
from sparse3d_configs._base_ import grids

point_cloud_range = grids.KITTI_NEAR_RANGE
data_root = '{{$SPARSE3D_SIMULATED_KITTI:data/simulated_kitti}}'
in_range = dict(point_cloud_range=point_cloud_range)

train_pipeline = changed(
    _base_.train_pipeline,
    GroundTruthSampling=dict(
        database=dict(data_root=data_root, info_path=data_root + '/kitti_dbinfos_train.pkl'),
        fill_up=None),  # added up to 15
    AugmentScene=dict(rotation=(-0.2, 0.2)),
    PointsRangeFilter=in_range,
    KeepObjects=in_range)
test_pipeline = changed(_base_.test_pipeline, PointsRangeFilter=in_range)

train_dataloader = dict(
    num_workers=1, dataset=dict(data_root=data_root, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(data_root=data_root, pipeline=test_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + '/kitti_infos_val.pkl')
test_evaluator = val_evaluator
