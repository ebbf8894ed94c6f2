# A simulated drive in Argoverse 2's layout that goes far, four classes
# (make one: sparse3d simulate argoverse2 --reach 200 --azimuths 1800, then create-data argoverse2).
_base_ = ['simulated_argoverse2.py']
from sparse3d.engine.pipeline_steps import changed
from sparse3d_configs._base_ import grids

data_root = '{{$SPARSE3D_LONG_RANGE:data/long_range}}'
point_cloud_range = grids.ARGOVERSE2_RANGE_154  # meters: x, y, z from, x, y, z to
in_range = dict(point_cloud_range=point_cloud_range)
train_pipeline = changed(_base_.train_pipeline, PointsRangeFilter=in_range, KeepObjects=in_range)
test_pipeline = changed(_base_.test_pipeline, PointsRangeFilter=in_range)

train_dataloader = dict(dataset=dict(data_root=data_root, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(data_root=data_root, pipeline=test_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + '/argoverse2_infos_val.pkl')
test_evaluator = val_evaluator
