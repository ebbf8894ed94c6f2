# CenterPoint on Argoverse 2 up to 200 m, 26 classes; a recipe of our own, not trained yet.
_base_ = [
    '../_base_/models/centerpoint_argoverse2.py',
    '../_base_/datasets/argoverse2.py',
    '../_base_/schedules/onecycle_20e.py',
    '../_base_/default_runtime.py',
]
