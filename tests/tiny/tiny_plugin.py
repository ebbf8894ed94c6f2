"""The contract of the tiny training, as a distribution of somebody else would offer it."""
from sparse3d.plugins import Plugin

plugin = Plugin(name='tiny', modules=('tiny_training',), published='tiny_published:TinyPublished')
