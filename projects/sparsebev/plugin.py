"""What SparseBEV offers to the core; text only, so that reading it is light."""
from sparse3d.plugins import Plugin
from sparsebev.renamed_names import RENAMES

plugin = Plugin(
    name='sparsebev',
    modules=('sparsebev.register',),
    configs='sparse3d_configs.sparsebev',
    convert='sparsebev.published_checkpoint:convert',
    published=(
        'model.backbone.net.published_rotary_resize',
        'model.bbox_head.code_weights',
        'model.bbox_head.published_alignment',
        'model.bbox_head.published_attend_empty_slots',
        'model.bbox_head.published_scale_order',
        'model.bbox_head.published_view_choice',
        'test_dataloader.dataset.frames.published_future_across_scenes',
        'val_dataloader.dataset.frames.published_future_across_scenes'),
    benchmarks={'sparsebev': 'sparse3d_benchmarks.sparsebev:run'},
    exporters={'sparsebev_onnx': 'sparsebev.onnx_export:export_onnx'},
    pictures={'sampling_points': 'sparsebev.sampling_picture:write_sampling_points'},
    stream='sparsebev.streaming:open_stream',
    sequence='sparsebev.driven_sequence:drive',
    renames=RENAMES,
    trial_configs=('sparsebev_simulated_nuscenes',),
    docs='projects/sparsebev/README.md')
