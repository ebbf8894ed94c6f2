# The demo's DSVT pruned step by step to 80 % zeros in its linear layers.
_base_ = ['dsvt_centerpoint_simulated_kitti_car.py']

custom_hooks = [dict(
    type='WeightSparsityHook', mode='gradual', sparsity=0.8,
    pace=dict(begin=0.2, end=0.75, interval=20))]
