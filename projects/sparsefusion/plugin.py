"""What SparseFusion offers to the core; text only, so that reading it is light."""
from sparse3d.plugins import Plugin
from sparsefusion.renamed_names import RENAMES

plugin = Plugin(
    name='sparsefusion',
    modules=('sparsefusion.register',),
    configs='sparse3d_configs.sparsefusion',
    convert='sparsefusion.published_checkpoint:convert',
    published='sparsefusion.published:SparseFusionPublished',
    benchmarks={'sparsefusion': 'sparse3d_benchmarks.sparsefusion:run'},
    trial_configs=('transfusion_l_simulated_nuscenes', 'sparsefusion_simulated_nuscenes'),
    pictures={'sensors': 'sparsefusion.pictures:write_sensors',
              'stages': 'sparsefusion.pictures:write_stages'},
    renames=RENAMES,
    docs='projects/sparsefusion/README.md')
