# The baseline's detector up to 154 m with DSVT as its encoder: pillars of 0.6 m.
_base_ = ['../baselines/centerpoint_far_simulated_argoverse2.py']
from sparse3d_configs.dsvt._base_.models import pillars

custom_imports = dict(imports=['dsvt.register'])

model = dict(
    pillars.encoder(4, (32, 64), {{_base_.grid_range}}, [0.6, 0.6, 8], (512, 512, 1), window=12),
    backbone=dict(in_channels=64, layer_strides=[2, 2]))
