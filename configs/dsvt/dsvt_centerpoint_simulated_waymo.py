# The baseline's detector with DSVT as its encoder: pillars of 0.4 m, two blocks, the same heat map.
_base_ = ['../baselines/centerpoint_simulated_waymo.py']
from sparse3d_configs.dsvt._base_.models import pillars

custom_imports = dict(imports=['dsvt.register'])

model = dict(
    pillars.encoder(5, (32, 64), {{_base_.grid_range}}, [0.4, 0.4, 6], (200, 200, 1), window=12),
    backbone=dict(in_channels=64, layer_strides=[2, 2]))
