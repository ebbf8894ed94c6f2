"""What SparseFusion offers to the core; text only, so that reading it is light."""
from sparse3d.deploy.voxel_statement import SPARSE_DETECTOR
from sparse3d.plugins import Plugin
from sparsefusion.renamed_names import RENAMES

plugin = Plugin(
    name='sparsefusion',
    modules=('sparsefusion.register',),
    configs='sparse3d_configs.sparsefusion',
    convert='sparsefusion.published_checkpoint:convert',
    published='sparsefusion.published:SparseFusionPublished',
    benchmarks={'sparsefusion': 'sparse3d_benchmarks.sparsefusion:run',
                'sparsefusion_model': 'sparse3d_benchmarks.sparsefusion_model:run'},
    trial_configs=('transfusion_l_simulated_nuscenes', 'sparsefusion_simulated_nuscenes'),
    pictures={'sensors': 'sparsefusion.pictures:write_sensors',
              'stages': 'sparsefusion.pictures:write_stages'},
    exporters={'transfusion_onnx': 'sparse3d.deploy.voxel_export:export_onnx'},
    exports={'transfusion_onnx': (SPARSE_DETECTOR,)},
    graph_hosts={'transfusion_onnx': 'sparse3d.deploy.voxel_host:host'},
    not_exported={
        'sparsefusion_*': 'its view transformation and its geometric transfer loop over the '
                          'cameras and the objects that each of them sees, a number that changes '
                          'from frame to frame; its LiDAR part alone, transfusion_l_*, is '
                          'exported'},
    renames=RENAMES,
    docs='projects/sparsefusion/README.md')
