# The demo's detector with DSVT as its encoder: pillars of 0.4 m, two blocks, the same heat map.
_base_ = ['../baselines/centerpoint_simulated_kitti_car.py']
from sparse3d_configs.dsvt._base_.models import pillars

custom_imports = dict(imports=['dsvt.register'])

model = dict(
    pillars.encoder(4, (64, 64), {{_base_.grid_range}}, [0.4, 0.4, 4], (128, 100, 1), window=10),
    backbone=dict(in_channels=64))
