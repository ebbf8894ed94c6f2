# SAFDNet on nuScenes pillars of 0.3 m, cells of the map 0.6 m, TransFusion's head on them.
_base_ = []
from sparse3d_configs._base_ import grids
from sparse3d_configs.safdnet._base_ import parts

model_range = grids.NUSCENES_RANGE_54  # meters: x, y, z from, x, y, z to
model_voxel_size = [0.3, 0.3, 8.0]      # meters
model_shape = [1, 360, 360]             # pillars: z, y, x
model_map = dict(point_cloud_range=model_range, voxel_size=model_voxel_size, stride=2)

model = dict(
    type='SAFDNet',
    # x, y, z, intensity, age
    **parts.voxels(model_range, model_voxel_size, columns=5, width=128, all_heights=True),
    middle_encoder=parts.pillar_encoder('SAFDNetEncoder', model_shape),
    diffusion=dict(
        type='AdaptiveFeatureDiffusion',
        channels=128,
        bbox_coder=model_map,
        diffusion=dict(
            # car, truck, construction vehicle; bus, trailer; the small ones
            groups=[[0, 1, 2], [3, 4], [5, 6, 7, 8, 9]],
            kernel_sizes=(9, 15, 7, 7),
            threshold=0.3),
        num_layers=1,
        blocks=(4, 4, 4)),
    bbox_head=parts.transfusion_head(
        'SparseTransFusionHead', model_map, grids.NUSCENES_CENTER_RANGE, losses=dict()))
