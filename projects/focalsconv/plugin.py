"""What Focals Conv offers to the core; text only, so that reading it is light."""
from focalsconv.renamed_names import RENAMES
from sparse3d.plugins import Plugin

plugin = Plugin(
    name='focalsconv',
    modules=('focalsconv.register',),
    configs='sparse3d_configs.focalsconv',
    convert='focalsconv.published_checkpoint:convert',
    published='focalsconv.published:FocalsConvPublished',
    benchmarks={'focalsconv': 'sparse3d_benchmarks.focalsconv:run'},
    pictures={'importance': 'focalsconv.importance_pictures:write_importance'},
    trial_configs=(
        'focalsconv_centerpoint_simulated_kitti_car',
        'focalsconv_f_centerpoint_simulated_kitti_car',
        'focalsconv_voxel_rcnn_simulated_kitti_car'),
    point_values={'importance': 'focalsconv.importance_pictures:importance_of_points'},
    renames=RENAMES,
    docs='projects/focalsconv/README.md')

# What the baselines of these methods were published as; a name of its own, so that who looks for
# them finds it.
baselines = Plugin(
    name='baselines',
    modules=(),
    convert='focalsconv.baseline_checkpoints:convert',
    trial_configs=('centerpoint_simulated_kitti_car', 'second_simulated_kitti_car',
                   'pointpillars_simulated_kitti_car'),
    published='focalsconv.published_baselines:BaselinesPublished',
    docs='docs/coming_from.md')
