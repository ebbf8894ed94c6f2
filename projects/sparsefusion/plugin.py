"""What SparseFusion offers to the core; text only, so that reading it is light."""
from sparse3d.plugins import Plugin
from sparsefusion.renamed_names import RENAMES

plugin = Plugin(
    name='sparsefusion',
    modules=('sparsefusion.register',),
    configs='sparse3d_configs.sparsefusion',
    convert='sparsefusion.published_checkpoint:convert',
    published=(
        'model.bbox_head.losses.published_match_height',
        'model.bbox_head.published_lone_query_zero',
        'model.bbox_head.published_padding',
        'model.bbox_head.published_positions',
        'model.bbox_head.suppression.published_squared_radius',
        'model.bbox_head.suppression.published_zero_scores',
        'model.bbox_head.suppression.radii',
        'model.published_frozen_statistics'),
    benchmarks={'sparsefusion': 'sparse3d_benchmarks.sparsefusion:run'},
    pictures={'stages': 'sparsefusion.pictures:write_stages'},
    trial_configs=('transfusion_l_simulated_nuscenes', 'sparsefusion_simulated_nuscenes'),
    renames=RENAMES,
    docs='projects/sparsefusion/README.md')
