# A small SAFDNet on a simulated drive in Argoverse 2's layout, four classes, minutes on a CPU.
_base_ = [
    '_base_/models/safdnet_small_argoverse2.py',
    '../_base_/datasets/simulated_argoverse2.py',
    '../_base_/schedules/onecycle_minutes.py',
    '../_base_/default_runtime.py',
]
custom_imports = dict(imports=['safdnet.register'])

default_hooks = dict(validate_first=dict(max_batches=2))
