"""What DSVT offers to the core; text only, so that reading it is light."""
from sparse3d.plugins import Plugin

plugin = Plugin(
    name='dsvt',
    modules=('dsvt.register',),
    configs='sparse3d_configs.dsvt',
    convert='dsvt.published_checkpoint:convert',
    published='dsvt.published:DSVTPublished',
    benchmarks={'dsvt': 'dsvt.benchmark:run'},
    exporters={'dsvt_onnx': 'dsvt.onnx_export:export_onnx'},
    docs='projects/dsvt/README.md')
