# The small Swin with windows left out, from the start. Stages have 40, 10 and 3 windows an image.
_base_ = ['sparsebev_swin_simulated_nuscenes.py']

model = dict(backbone=dict(ratios=[[.6, .6], [.2, .2], [0, 0, .4, .4, .4, .4]]))
