"""What SAFDNet and HEDNet offer to the core; text only, so that reading it is light."""
from sparse3d.plugins import Plugin

plugin = Plugin(
    name='safdnet',
    modules=('safdnet.register',),
    configs='sparse3d_configs.safdnet',
    convert='safdnet.published_checkpoint:convert',
    published='safdnet.published:SAFDNetPublished',
    benchmarks={'range': 'sparse3d_benchmarks.detection_range:run',
                'safdnet_model': 'sparse3d_benchmarks.safdnet_model:run'},
    not_exported={
        'hednet_*': 'its sparse encoder-decoders come back to finer voxels by inverse sparse '
                    'convolutions, for which the export has no nodes',
        'safdnet_*': 'its sparse encoder-decoders come back to finer voxels by inverse sparse '
                     'convolutions, for which the export has no nodes, and its diffusion makes '
                     'cells whose number is known at run time only'},
    trial_configs=('safdnet_simulated_argoverse2', 'safdnet_simulated_waymo'),
    docs='projects/safdnet/README.md')
