# A small CenterPoint for drives in Argoverse 2's layout: 77 m around, on a CPU.
_base_ = ['centerpoint_small_waymo.py']
from sparse3d_configs._base_ import grids

grid_voxel_size = [0.3, 0.3, 0.2]
grid_range = grids.ARGOVERSE2_RANGE_77
grid_shape = [41, 512, 512]
detection_range = grids.ARGOVERSE2_CENTER_RANGE_77

model = dict(
    data_preprocessor=dict(
        voxel_layer=dict(point_cloud_range=grid_range, voxel_size=grid_voxel_size)),
    voxel_encoder=dict(num_features=4),
    middle_encoder=dict(in_channels=4, sparse_shape=grid_shape),
    bbox_head=dict(
        tasks=[dict(
            num_class=4,
            class_names=grids.ARGOVERSE2_FOUR_CLASSES)],
        bbox_coder=dict(
            pc_range=grid_range[:2],
            post_center_range=detection_range,
            voxel_size=grid_voxel_size[:2]),
        train_cfg=dict(
            grid_size=grid_shape[::-1],
            voxel_size=grid_voxel_size,
            point_cloud_range=grid_range),
        test_cfg=dict(post_center_limit_range=detection_range)))
