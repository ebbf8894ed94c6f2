"""What Sparse-Dense Fusion offers to the core; text only, so that reading it is light."""
from sparse3d.deploy.voxel_statement import VOXELS
from sparse3d.plugins import ExportedGraph, Plugin

LIDAR_MAP = ExportedGraph(
    name='lidar_map', summary="voxels to the LiDAR's map, sparse convolutions as nodes of Autoware",
    inputs=VOXELS, outputs={'bev': (1, 'C', 'H', 'W')}, dynamic=('M', ), domains=('autoware', ))
IMAGE_ENCODER = ExportedGraph(
    name='image_encoder', summary='the images of a frame to feature maps',
    inputs={'images': ('N', 3, 'H', 'W')}, outputs={'level_*': ('N', 'C', 'h', 'w')})
# With a star what the branches need.
FUSION = ExportedGraph(
    name='fusion', summary='the maps of LiDAR and images to boxes',
    inputs={'bev': (1, 'C', 'H', 'W'), 'level_*': ('N', 'C', 'h', 'w'), 'sizes*': (1, 'N', 2),
            'depth*': ('N', 2, 'h', 'w'), 'cells*': ('bins', 'N*h*w'),
            'lidar2img*': (1, 'N', 4, 4)},
    outputs={'boxes': ('Q', 'code'), 'scores': ('Q', 'K'), 'peaks': ('Q', )})

plugin = Plugin(
    name='sparse_dense_fusion',
    modules=('sparse_dense_fusion.register',),
    configs='sparse3d_configs.sparse_dense_fusion',
    benchmarks={
        'sparse_dense_fusion': 'sparse3d_benchmarks.sparse_dense_fusion:run',
        'exported_sparse_dense_fusion': 'sparse3d_benchmarks.exported_graphs:sparse_dense_fusion'},
    exporters={'sparse_dense_fusion_onnx': 'sparse_dense_fusion.onnx_export:export_onnx'},
    exports={'sparse_dense_fusion_onnx': (LIDAR_MAP, IMAGE_ENCODER, FUSION)},
    not_exported={
        '*cameras_only*': "it holds the LiDAR's parts and computes with none of them, so that no "
                          'graph would cover their parameters'},
    trial_configs=('sdf_simulated_nuscenes',),
    docs='projects/sparse_dense_fusion/README.md')
