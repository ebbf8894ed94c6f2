# Ablation in small: nothing is remembered of the frame before.
_base_ = ['sparse4d_simulated_nuscenes.py']

model = dict(
    bbox_head=dict(bank=dict(num_temporal=0)),
    training=dict(denoising=dict(num_temporal_groups=0)))

val_evaluator = dict(trackers=dict(_delete_=True, **_base_.trackers))  # it gives no identities
test_evaluator = val_evaluator
