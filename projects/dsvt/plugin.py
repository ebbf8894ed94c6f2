"""What DSVT offers to the core; text only, so that reading it is light."""
from dsvt.renamed_names import RENAMES
from sparse3d.plugins import Plugin

plugin = Plugin(
    name='dsvt',
    modules=('dsvt.register',),
    configs='sparse3d_configs.dsvt',
    convert='dsvt.published_checkpoint:convert',
    published='dsvt.published:DSVTPublished',
    benchmarks={'dsvt': 'sparse3d_benchmarks.dsvt:run'},
    exporters={'dsvt_onnx': 'dsvt.onnx_export:export_onnx'},
    trial_configs=('dsvt_simulated_waymo', 'dsvt_centerpoint_simulated_kitti_car'),
    pictures={'sets': 'dsvt.set_picture:write_sets'},
    renames=RENAMES,
    docs='projects/dsvt/README.md')
