"""Argoverse 2: from the official layout to info files and a ground-truth database."""
from sparse3d.datasets.argoverse2.prepare.merging import merge_argoverse2
from sparse3d.datasets.argoverse2.prepare.options import Argoverse2Preparation
from sparse3d.datasets.argoverse2.prepare.preparation import prepare_argoverse2

__all__ = ['Argoverse2Preparation', 'merge_argoverse2', 'prepare_argoverse2']
