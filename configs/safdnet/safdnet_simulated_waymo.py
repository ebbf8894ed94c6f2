# A small SAFDNet on a simulated drive in Waymo's layout, three classes, minutes on a CPU.
_base_ = [
    '_base_/models/safdnet_small.py',
    '../_base_/datasets/simulated_waymo.py',
    '../_base_/schedules/onecycle_minutes.py',
    '../_base_/default_runtime.py',
]
custom_imports = dict(imports=['safdnet.register'])

default_hooks = dict(validate_first=dict(max_batches=2))
