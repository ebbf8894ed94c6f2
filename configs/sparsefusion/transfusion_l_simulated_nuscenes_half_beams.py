# The LiDAR detector tested with every second beam.
_base_ = ['transfusion_l_simulated_nuscenes.py']

test_pipeline = [
    {{_base_.load_points}},
    dict(type='DropBeams', interval=2),
    dict(type='PointsRangeFilter', point_cloud_range={{_base_.point_cloud_range}}),
    dict(type='PackSample', keys=['points'], more_meta_keys=['token']),
]
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
