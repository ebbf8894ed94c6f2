# The demo's DSVT whose linear layers become 2:4 after half of the training.
_base_ = ['dsvt_centerpoint_simulated_kitti_car.py']

custom_hooks = [dict(type='WeightSparsityHook', mode='2:4', pace=dict(begin=0.5))]
