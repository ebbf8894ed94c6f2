# DSVT on Waymo voxels of 0.32 x 0.32 x 0.1875 m: four stages of one block, pooled along z.
_base_ = ['dsvt_waymo_pillar.py']
model_voxel_size = [0.32, 0.32, 0.1875]  # meters
model_grid = [468, 468, 32]              # cells: x, y, z

model = dict(
    data_preprocessor=dict(voxel_layer=dict(voxel_size=model_voxel_size)),
    voxel_encoder=dict(voxel_size=model_voxel_size),
    middle_encoder=dict(
        grid_shape=model_grid,
        blocks=(1, 1, 1, 1),
        sets=dict(window_shapes=((12, 12, 32), (12, 12, 8), (12, 12, 2), (12, 12, 1)), set_size=48),
        pool_strides=((1, 1, 4), (1, 1, 4), (1, 1, 2))),
    bbox_head=dict(bbox_coder=dict(voxel_size=model_voxel_size)))
