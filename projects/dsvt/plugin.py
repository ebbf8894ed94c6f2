"""What DSVT offers to the core; text only, so that reading it is light."""
from dsvt.renamed_names import RENAMES
from sparse3d.plugins import Plugin

plugin = Plugin(
    name='dsvt',
    modules=('dsvt.register',),
    configs='sparse3d_configs.dsvt',
    convert='dsvt.published_checkpoint:convert',
    published=(
        'model.bbox_head.decoder_layers.0.published_lone_queries',
        'model.bbox_head.decoder_layers.0.published_wrapping',
        'model.bbox_head.published_iou_shift',
        'model.bbox_head.published_top_height',
        'model.bbox_head.published_turned_nms',
        'model.middle_encoder.published_embedding_order',
        'model.middle_encoder.published_empty_slots',
        'model.voxel_encoder.published_meters',
        'optim_wrapper.paramwise_cfg.published_leaf_parameters'),
    benchmarks={'dsvt': 'sparse3d_benchmarks.dsvt:run'},
    exporters={'dsvt_onnx': 'dsvt.onnx_export:export_onnx'},
    trial_configs=('dsvt_simulated_waymo', 'dsvt_centerpoint_simulated_kitti_car'),
    renames=RENAMES,
    docs='projects/dsvt/README.md')
