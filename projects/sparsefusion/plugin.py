"""What SparseFusion offers to the core; text only, so that reading it is light."""
from sparse3d.plugins import Plugin

plugin = Plugin(
    name='sparsefusion',
    modules=('sparsefusion.register',),
    configs='sparse3d_configs.sparsefusion',
    convert='sparsefusion.published_checkpoint:convert',
    published='sparsefusion.published:SparseFusionPublished',
    benchmarks={'sparsefusion': 'sparsefusion.benchmark:run'},
    pictures={'stages': 'sparsefusion.pictures:write_stages'},
    docs='projects/sparsefusion/README.md')
