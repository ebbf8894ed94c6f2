# Focals Conv in CenterPoint on KITTI, cars, LiDAR only: 5 cm voxels, focal layers in stages 1-3.
# The paper puts the encoder into PV-RCNN and Voxel R-CNN; this is the center-based relative.
_base_ = ['../baselines/centerpoint_kitti_car.py']
custom_imports = dict(imports=['focalsconv.register'])

model = dict(
    middle_encoder=dict(
        type='FocalSparseEncoder',
        voxel_size={{_base_.grid_voxel_size}},
        point_cloud_range={{_base_.grid_range}},
        focal=dict(stages=(1, 2, 3), mask_multi=True, enlarge_channels=64)))
