"""What SparseBEV offers to the core; text only, so that reading it is light."""
from sparse3d.plugins import Plugin
from sparsebev.renamed_names import RENAMES

plugin = Plugin(
    name='sparsebev',
    modules=('sparsebev.register',),
    configs='sparse3d_configs.sparsebev',
    convert='sparsebev.published_checkpoint:convert',
    published='sparsebev.published:SparseBEVPublished',
    benchmarks={'sparsebev': 'sparse3d_benchmarks.sparsebev:run'},
    exporters={'sparsebev_onnx': 'sparsebev.onnx_export:export_onnx'},
    pictures={'sampling_points': 'sparsebev.sampling_picture:write_sampling_points'},
    stream='sparsebev.streaming:open_stream',
    sequence='sparsebev.driven_sequence:drive',
    renames=RENAMES,
    trial_configs=('sparsebev_simulated_nuscenes',),
    docs='projects/sparsebev/README.md')
