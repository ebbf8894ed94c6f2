# The demo's detector with DSVT as its encoder: pillars of 0.4 m, two blocks, the same heat map.
_base_ = ['../baselines/centerpoint_simulated_kitti_car.py']
custom_imports = dict(imports=['dsvt.register'])

pillar_size = [0.4, 0.4, 4]  # meters
model = dict(
    data_preprocessor=dict(
        voxel_type='dynamic',
        voxel_layer=dict(max_num_points=-1, voxel_size=pillar_size, max_voxels=(-1, -1))),
    voxel_encoder=dict(
        _delete_=True,
        type='DynamicVoxelEncoder',
        in_channels=4,
        feat_channels=(64, 64),
        voxel_size=pillar_size,
        point_cloud_range={{_base_.grid_range}},
        norm_cfg=dict(type='VoxelBN1d', eps=1e-3, momentum=0.1)),  # hundreds of steps, not 1e5
    middle_encoder=dict(
        _delete_=True,
        type='DSVTEncoder',
        grid_shape=(128, 100, 1),
        channels=64,
        blocks=(2, ),
        sets=dict(window_shapes=((10, 10, 1), ), window_shift=(5, 5, 0), set_size=36),
        attention=dict(num_heads=4, feedforward_channels=128)),
    backbone=dict(in_channels=64))
