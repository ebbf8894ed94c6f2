# Argoverse 2 up to 200 m, as all detectors read it.
_base_ = ['../../../_base_/datasets/argoverse2.py']
