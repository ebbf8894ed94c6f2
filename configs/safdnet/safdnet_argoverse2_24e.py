# SAFDNet on Argoverse 2 up to 200 m, 26 classes, 24 epochs.
_base_ = [
    '_base_/initial_weights/safdnet.py',
    '_base_/models/safdnet_argoverse2.py',
    '_base_/datasets/argoverse2.py',
    '_base_/schedules/onecycle_24e.py',
    '../_base_/default_runtime.py',
]
custom_imports = dict(imports=['safdnet.register'])

optim_wrapper = dict(clip_grad=dict(max_norm=10))
# The last epoch sees real scenes: no added objects, nothing turned, mirrored, stretched or moved.
custom_hooks = [dict(type='DisableAugmentationHook', last_epochs=1, scene=True)]
