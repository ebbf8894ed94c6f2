"""What Sparse4D offers to the core; text only, so that reading it is light."""
from sparse3d.plugins import Plugin

plugin = Plugin(
    name='sparse4d',
    modules=('sparse4d.register',),
    configs='sparse3d_configs.sparse4d',
    convert='sparse4d.published_checkpoint:convert',
    published='sparse4d.published:Sparse4DPublished',
    benchmarks={'sparse4d': 'sparse3d_benchmarks.sparse4d:run'},
    exporters={'sparse4d_onnx': 'sparse4d.onnx_export:export_onnx'},
    stream='sparse4d.streaming:open_stream',
    sequence='sparse4d.driven_sequence:drive',
    docs='projects/sparse4d/README.md')
