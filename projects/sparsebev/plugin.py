"""What SparseBEV offers to the core; text only, so that reading it is light."""
from sparse3d.plugins import ExportedGraph, Plugin
from sparsebev.renamed_names import RENAMES

VIEWS = {'lidar2img': (1, 'T', 'N', 4, 4), 'age': (1, 'T')}
BOXES = {'logits': (1, 'Q', 'K'), 'codes': (1, 'Q', 10)}
IMAGES = {'images': ('N', 3, 'H', 'W')}
MAPS, KEPT = ('N', 'C', 'H_l', 'W_l'), ('(T-1)*N', 'C', 'H_l', 'W_l')
FIRST_FRAME = ExportedGraph(
    name='first_frame', summary='the first images of a drive to boxes and maps to keep',
    inputs={**IMAGES, **VIEWS}, outputs={**BOXES, 'map_*': MAPS})
NEXT_FRAME = ExportedGraph(
    name='next_frame', summary='later images and kept maps to boxes and maps to keep',
    inputs={**IMAGES, **VIEWS, 'kept_*': KEPT}, outputs={**BOXES, 'map_*': MAPS})
IMAGE_ENCODER = ExportedGraph(
    name='image_encoder', summary='the images of a frame to feature maps', inputs=IMAGES,
    outputs={'map_*': MAPS})
DECODER = ExportedGraph(
    name='decoder', summary='feature maps of all frames to boxes',
    inputs={**VIEWS, 'map_*': (1, 'T*N', 'C', 'H_l', 'W_l')}, outputs=BOXES)

plugin = Plugin(
    name='sparsebev',
    modules=('sparsebev.register',),
    configs='sparse3d_configs.sparsebev',
    convert='sparsebev.published_checkpoint:convert',
    published='sparsebev.published:SparseBEVPublished',
    benchmarks={
        'sparsebev': 'sparse3d_benchmarks.sparsebev:run',
        'sparsebev_model': 'sparse3d_benchmarks.sparsebev_model:run',
        'exported_sparsebev': 'sparse3d_benchmarks.exported_graphs:sparsebev'},
    exporters={'sparsebev_onnx': 'sparsebev.onnx_export:export_onnx'},
    exports={'sparsebev_onnx': (FIRST_FRAME, NEXT_FRAME, IMAGE_ENCODER, DECODER)},
    graph_hosts={'sparsebev_onnx': 'sparsebev.graph_host:host'},
    pictures={'sampling_points': 'sparsebev.sampling_picture:write_sampling_points'},
    stream='sparsebev.streaming:open_stream',
    sequence='sparsebev.driven_sequence:drive',
    renames=RENAMES,
    trial_configs=('sparsebev_simulated_nuscenes',),
    docs='projects/sparsebev/README.md')
