"""The core's own benchmarks, offered like those of any plug-in; text only."""
from sparse3d.plugins import Plugin

plugin = Plugin(
    name='operators',
    modules=(),
    benchmarks={
        'sparse_convolution': 'sparse3d_benchmarks.sparse_convolution:run',
        'dense_parts': 'sparse3d_benchmarks.dense_parts:run',
        'linear_layers': 'sparse3d_benchmarks.linear_layers:run',
        'freed_memory': 'sparse3d_benchmarks.freed_memory:run',
        'waiting_threads': 'sparse3d_benchmarks.waiting_threads:run',
        'sparse_swin': 'sparse3d_benchmarks.sparse_swin:run',
        'busy_demo': 'sparse3d_benchmarks.busy_demo:run',
        'voxelization': 'sparse3d_benchmarks.voxelization:run',
        'point_operators': 'sparse3d_benchmarks.point_operators:run',
        'triton_kernels': 'sparse3d_benchmarks.triton_kernels:run',
        'waits': 'sparse3d_benchmarks.waits:run',
        'rotated_iou': 'sparse3d_benchmarks.rotated_iou:run',
        'kitti_metric': 'sparse3d_benchmarks.kitti_metric:run',
        'waymo_metric': 'sparse3d_benchmarks.waymo_metric:run',
        'nuscenes_metric': 'sparse3d_benchmarks.nuscenes_metric:run',
        'argoverse2_metric': 'sparse3d_benchmarks.argoverse2_metric:run',
        'growth': 'sparse3d_benchmarks.growth:run',
        'scale': 'sparse3d_benchmarks.scale:run',
        'tracking_metrics': 'sparse3d_benchmarks.tracking_metrics:run',
        'weight_sparsity': 'sparse3d_benchmarks.weight_sparsity:run',
        'data': 'sparse3d_benchmarks.data:run',
        'data_memory': 'sparse3d_benchmarks.data_memory:run',
    },
    docs='docs/results.md')
