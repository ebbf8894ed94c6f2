"""What Sparse4D offers to the core; text only, so that reading it is light."""
from sparse3d.plugins import ExportedGraph, Plugin
from sparse4d.renamed_names import RENAMES

FRAME = {'images': ('N', 3, 'H', 'W'), 'lidar2img': (1, 'N', 4, 4), 'valid': (1, 'N')}
FOUND = {'logits': (1, 'A', 'K'), 'anchors': (1, 'A', 11), 'quality*': (1, 'A', 2),
         'cache_features': ('T', 'C'), 'cache_anchors': ('T', 11), 'cache_confidence': ('T', ),
         'cache_rows': ('T', )}
FIRST_FRAME = ExportedGraph(
    name='first_frame', summary='the first images of a drive to instances, and those to keep',
    inputs=FRAME, outputs=FOUND)
NEXT_FRAME = ExportedGraph(
    name='next_frame', summary='later images and kept instances to instances, and those to keep',
    inputs={**FRAME, 'before_features': ('T', 'C'), 'before_anchors': ('T', 11),
            'before_confidence': ('T', ), 'transforms': (1, 4, 4), 'elapsed': (1, )},
    outputs=FOUND)

plugin = Plugin(
    name='sparse4d',
    modules=('sparse4d.register',),
    configs='sparse3d_configs.sparse4d',
    convert='sparse4d.published_checkpoint:convert',
    published='sparse4d.published:Sparse4DPublished',
    benchmarks={
        'sparse4d': 'sparse3d_benchmarks.sparse4d:run',
        'sparse4d_model': 'sparse3d_benchmarks.sparse4d_model:run',
        'exported_sparse4d': 'sparse3d_benchmarks.exported_graphs:sparse4d'},
    exporters={'sparse4d_onnx': 'sparse4d.onnx_export:export_onnx'},
    exports={'sparse4d_onnx': (FIRST_FRAME, NEXT_FRAME)},
    graph_hosts={'sparse4d_onnx': 'sparse4d.graph_host:host'},
    trial_configs=('sparse4d_simulated_nuscenes',),
    not_exported={
        'sparse4d_v1_*': 'its memory is the feature maps of past frames, which every layer samples '
                         'anew; graphs are made of heads that carry instances over, v2 and v3',
        'sparse4d_single_frame_*': 'it carries nothing over from frame to frame; graphs are made '
                                   'of heads that carry instances over, v2 and v3'},
    stream='sparse4d.streaming:open_stream',
    sequence='sparse4d.driven_sequence:drive',
    renames=RENAMES,
    docs='projects/sparse4d/README.md')
