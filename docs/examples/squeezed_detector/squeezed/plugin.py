"""What squeezed offers to Sparse3D; text only, so that reading it is light."""
from sparse3d.plugins import Plugin

plugin = Plugin(
    name='squeezed',
    modules=('squeezed.register',),
    configs='squeezed.configs',
    convert='squeezed.published_checkpoint:convert',
    published='squeezed.published:SqueezedPublished',
    benchmarks={'squeezed': 'squeezed.benchmark:run'},
    exporters={'squeezed_program': 'squeezed.program_export:export_program'},
    pictures={'channel_weights': 'squeezed.channel_picture:write_channel_weights'},
    docs='https://arxiv.org/abs/1709.01507')
