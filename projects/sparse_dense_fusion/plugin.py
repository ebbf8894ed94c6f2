"""What Sparse-Dense Fusion offers to the core; text only, so that reading it is light."""
from sparse3d.plugins import Plugin

plugin = Plugin(
    name='sparse_dense_fusion',
    modules=('sparse_dense_fusion.register',),
    configs='sparse3d_configs.sparse_dense_fusion',
    benchmarks={'sparse_dense_fusion': 'sparse3d_benchmarks.sparse_dense_fusion:run'},
    exporters={'sparse_dense_fusion_onnx': 'sparse_dense_fusion.onnx_export:export_onnx'},
    trial_configs=('sdf_simulated_nuscenes',),
    docs='projects/sparse_dense_fusion/README.md')
