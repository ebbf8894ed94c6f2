# The baseline on a drive in Waymo's layout with a focal layer at the end of stages 1 and 2.
_base_ = ['../baselines/centerpoint_simulated_waymo.py']
custom_imports = dict(imports=['focalsconv.register'])

model = dict(
    middle_encoder=dict(
        type='FocalSparseEncoder',
        voxel_size={{_base_.grid_voxel_size}},
        point_cloud_range={{_base_.grid_range}},
        # Bounds the time of a step while importance is still random.
        focal=dict(stages=(1, 2), max_dilation=0.25)))
