# The fused detector tested with every second beam of the LiDAR.
_base_ = ['sparsefusion_simulated_nuscenes.py']

test_pipeline = [
    {{_base_.load_points}},
    dict(type='DropBeams', interval=2),
    dict(type='LoadMultiViewImages'),
    dict(type='AugmentImages', size={{_base_.image_size}}, training=False),
    dict(type='PackSample', keys=['points', 'img'], more_meta_keys={{_base_.meta_keys}}),
]
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
