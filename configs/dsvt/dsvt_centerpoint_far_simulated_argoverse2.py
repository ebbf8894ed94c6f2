# The baseline's detector up to 154 m with DSVT as its encoder: pillars of 0.6 m.
_base_ = ['../baselines/centerpoint_far_simulated_argoverse2.py']
custom_imports = dict(imports=['dsvt.register'])

pillar_size = [0.6, 0.6, 8]  # meters
model = dict(
    data_preprocessor=dict(
        voxel_type='dynamic',
        voxel_layer=dict(max_num_points=-1, voxel_size=pillar_size, max_voxels=(-1, -1))),
    voxel_encoder=dict(
        _delete_=True,
        type='DynamicVoxelEncoder',
        in_channels=4,
        feat_channels=(32, 64),
        voxel_size=pillar_size,
        point_cloud_range={{_base_.grid_range}},
        norm_cfg=dict(type='VoxelBN1d', eps=1e-3, momentum=0.1)),  # hundreds of steps, not 1e5
    middle_encoder=dict(
        _delete_=True,
        type='DSVTEncoder',
        grid_shape=(512, 512, 1),
        channels=64,
        blocks=(2, ),
        sets=dict(window_shapes=((12, 12, 1), ), window_shift=(6, 6, 0), set_size=36),
        attention=dict(num_heads=4, feedforward_channels=128)),
    backbone=dict(in_channels=64, layer_strides=[2, 2]))
