"""The contract of the tiny training, as a distribution of somebody else would offer it."""
from sparse3d.plugins import Plugin

plugin = Plugin(
    name='tiny',
    modules=('tiny_training',),
    published=('model.published_width', 'model.published_order',
               'model.backbone.published_order',
               'test_dataloader.dataset.frames.published_future'))
