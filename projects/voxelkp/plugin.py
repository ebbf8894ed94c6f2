"""What VoxelKP offers to the core; text only, so that reading it is light."""
from sparse3d.plugins import Plugin
from voxelkp.renamed_names import RENAMES

plugin = Plugin(
    name='voxelkp',
    modules=('voxelkp.register',),
    configs='sparse3d_configs.voxelkp',
    convert='voxelkp.published_checkpoint:convert',
    published='voxelkp.published:VoxelKPPublished',
    trial_configs=('voxelkp_simulated_waymo',),
    benchmarks={'voxelkp': 'sparse3d_benchmarks.voxelkp:run',
                'voxelkp_model': 'sparse3d_benchmarks.voxelkp_model:run'},
    not_exported={
        '*': 'the attention of its encoder sorts voxels into windows of changing numbers and the '
             'heads gather sparse peaks, which need operators that neither ONNX nor the plug-ins '
             'of Autoware have'},
    renames=RENAMES,
    docs='projects/voxelkp/README.md')
