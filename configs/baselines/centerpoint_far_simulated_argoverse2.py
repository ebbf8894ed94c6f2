# CenterPoint for four classes up to 154 m, on a simulated drive in Argoverse 2's layout.
_base_ = [
    '../_base_/models/centerpoint_small_argoverse2_far.py',
    '../_base_/datasets/simulated_argoverse2_far.py',
    '../_base_/schedules/onecycle_minutes.py',
    '../_base_/default_runtime.py',
]

default_hooks = dict(validate_first=dict(max_batches=2))
