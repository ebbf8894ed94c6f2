# The small CenterPoint for drives in Argoverse 2's layout at twice the range: 154 m around.
_base_ = ['centerpoint_small_argoverse2.py']
from sparse3d_configs._base_ import grids

grid_range = grids.ARGOVERSE2_RANGE_154
grid_shape = [41, 1024, 1024]
detection_range = grids.ARGOVERSE2_CENTER_RANGE_154

model = dict(
    data_preprocessor=dict(
        voxel_layer=dict(point_cloud_range=grid_range, max_voxels=(60000, 80000))),
    middle_encoder=dict(sparse_shape=grid_shape),
    bbox_head=dict(
        bbox_coder=dict(pc_range=grid_range[:2], post_center_range=detection_range),
        train_cfg=dict(grid_size=grid_shape[::-1], point_cloud_range=grid_range),
        test_cfg=dict(post_center_limit_range=detection_range)))
