"""What DSVT offers to the core; text only, so that reading it is light."""
from dsvt.renamed_names import RENAMES
from sparse3d.plugins import ExportedGraph, Plugin

VOXEL_ENCODER = ExportedGraph(
    name='voxel_encoder', summary='points to features of voxels',
    inputs={'points': ('P', 'columns'), 'voxel_of_point': ('P', ), 'coordinates': ('N', 4)},
    outputs={'features': ('N', 'C')}, dynamic=('P', 'N'))
BEHIND_VOXELS = ExportedGraph(
    name='dsvt', summary='features and tables of voxels to the maps of the head, or to boxes',
    inputs={'features': ('length', 'C'), 'voxels_*': (2, 'length', 'set size'),
            'repeated_*': (2, 'length', 'set size'), 'slot_of_voxel_*': (2, 'length'),
            'position_*': ('length', ), 'pool_cell_*': ('length', ),
            'pool_filled_*': ('length', 'slots'),
            'map_cell': ('length', )},
    outputs={'*': ('1', 'channels', 'H', 'W')}, dynamic=('length', ))

plugin = Plugin(
    name='dsvt',
    modules=('dsvt.register',),
    configs='sparse3d_configs.dsvt',
    convert='dsvt.published_checkpoint:convert',
    published='dsvt.published:DSVTPublished',
    benchmarks={
        'dsvt': 'sparse3d_benchmarks.dsvt:run',
        'dsvt_model': 'sparse3d_benchmarks.dsvt_model:run',
        'exported_dsvt': 'sparse3d_benchmarks.exported_graphs:dsvt'},
    exporters={'dsvt_onnx': 'dsvt.onnx_export:export_onnx'},
    exports={'dsvt_onnx': (VOXEL_ENCODER, BEHIND_VOXELS)},
    graph_hosts={'dsvt_onnx': 'dsvt.graph_host:host'},
    trial_configs=('dsvt_simulated_waymo', 'dsvt_centerpoint_simulated_kitti_car'),
    pictures={'sets': 'dsvt.set_picture:write_sets'},
    renames=RENAMES,
    docs='projects/dsvt/README.md')
