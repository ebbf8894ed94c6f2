# Objects sought on the features of stride 8; the last stage sees patches with objects alone.
_base_ = ['sparsebev_512x1408_simulated_nuscenes.py']

model = dict(
    backbone=dict(
        _delete_=True,  # the backbone of the base stands in another one
        type='ObjectSeeking',
        net=_base_.model.backbone,
        early_stages=2,
        patch=(64, 64)))
