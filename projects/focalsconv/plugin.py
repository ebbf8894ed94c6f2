"""What Focals Conv offers to the core; text only, so that reading it is light."""
from focalsconv.renamed_names import RENAMES
from sparse3d.deploy.voxel_statement import PILLAR_DETECTOR, SPARSE_DETECTOR
from sparse3d.plugins import Plugin

TWO_STAGES = ('its RoI head pools voxels around proposals that a suppression of another length '
              'for each frame chooses, which neither ONNX nor Autoware has operators for; the '
              'one-stage configs are exported')

plugin = Plugin(
    name='focalsconv',
    modules=('focalsconv.register',),
    configs='sparse3d_configs.focalsconv',
    convert='focalsconv.published_checkpoint:convert',
    published='focalsconv.published:FocalsConvPublished',
    benchmarks={'focalsconv': 'sparse3d_benchmarks.focalsconv:run',
                'focalsconv_model': 'sparse3d_benchmarks.focalsconv_model:run'},
    pictures={'importance': 'focalsconv.importance_pictures:write_importance'},
    trial_configs=(
        'focalsconv_centerpoint_simulated_kitti_car',
        'focalsconv_f_centerpoint_simulated_kitti_car',
        'focalsconv_voxel_rcnn_simulated_kitti_car'),
    exporters={'focalsconv_onnx': 'focalsconv.onnx_export:export_onnx'},
    exports={'focalsconv_onnx': (SPARSE_DETECTOR,)},
    graph_hosts={'focalsconv_onnx': 'sparse3d.deploy.voxel_host:host'},
    not_exported={
        '*voxel_rcnn*': TWO_STAGES,
        '*pv_rcnn*': TWO_STAGES,
        'focalsconv_f_*': 'its focal layer reads image features where voxels project, and the '
                          'number of voxels that dilation makes is known at run time only; the '
                          'LiDAR configs are exported'},
    point_values={'importance': 'focalsconv.importance_pictures:importance_of_points'},
    renames=RENAMES,
    docs='projects/focalsconv/README.md')

# What the baselines of these methods were published as; a name of its own, so that who looks for
# them finds it.
baselines = Plugin(
    name='baselines',
    modules=(),
    convert='focalsconv.baseline_checkpoints:convert',
    trial_configs=('centerpoint_simulated_kitti_car', 'second_simulated_kitti_car',
                   'pointpillars_simulated_kitti_car'),
    benchmarks={'exported_pointpillars': 'sparse3d_benchmarks.exported_graphs:pointpillars'},
    exporters={'voxel_detector_onnx': 'sparse3d.deploy.voxel_export:export_onnx'},
    exports={'voxel_detector_onnx': (SPARSE_DETECTOR, PILLAR_DETECTOR)},
    graph_hosts={'voxel_detector_onnx': 'sparse3d.deploy.voxel_host:host'},
    published='focalsconv.published_baselines:BaselinesPublished',
    docs='docs/coming_from.md')

# Spatially pruned convolutions are an option of every sparse encoder of the core; what was released
# of them is CenterPoint with the baselines' names.
spsconv = Plugin(
    name='spsconv',
    modules=(),
    convert='focalsconv.pruned_checkpoints:convert',
    published='focalsconv.published_pruning:SPSConvPublished',
    benchmarks={'pruned_encoder': 'sparse3d_benchmarks.pruned_encoder:run'},
    not_exported={'spsconv_*': 'pruned sparse convolutions choose their voxels at run time, for '
                               'which the export has no nodes'},
    docs='projects/focalsconv/README.md')
