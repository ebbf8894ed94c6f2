# The demo's DSVT trained with 80 % zeros in its linear layers from the first step on (RigL).
_base_ = ['dsvt_centerpoint_simulated_kitti_car.py']

custom_hooks = [dict(
    type='WeightSparsityHook', mode='rigl', sparsity=0.8, distribution='erk',
    pace=dict(begin=0.05, end=0.75, interval=20))]
