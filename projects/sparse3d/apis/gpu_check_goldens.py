"""Published models on stored inputs of the originals, on the GPU beside the CPU.

The stored inputs are no part of an installation: licences forbid some of them. A clone, from whose
root this runs, has the models in its test support; ``SPARSE3D_GOLDEN`` says where the inputs are.
"""
from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Any

import torch

from sparse3d.apis.gpu_check_operators import difference

TOLERANCE = 1e-3  # of the largest number
SUPPORT = Path('tests', 'support')  # of a clone


def check_golden(name: str, device: str = 'cuda') -> list[dict[str, Any]]:
    """A row: a plug-in's published model with the weights of its stored outputs, on both devices.

    Args:
        name: of the plug-in.
    """
    title = f'{name}, stored inputs'
    if not (SUPPORT / 'golden_models.py').is_file():
        return [dict(name=title, state='note',
                     value='not run: needs the root of a clone of the repository')]
    sys.path[:0] = [str(SUPPORT.resolve()), str(Path('projects').resolve())]
    runs = importlib.import_module('golden_models').RUNS
    if name not in runs:
        return [dict(name=title, state='note', value='nothing of it is stored')]
    folder = Path(os.environ.get('SPARSE3D_GOLDEN', Path('..', 'shared', 'golden')))
    try:
        expected = runs[name]('cpu', folder)
    except FileNotFoundError as error:
        return [dict(name=title, state='note', value=f'not run: {error.filename} is absent '
                                                     '(SPARSE3D_GOLDEN says where it lies)')]
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False  # a convolution would keep three digits
    try:
        away = difference(runs[name](device, folder), expected)
    finally:
        torch.backends.cudnn.allow_tf32 = before
    return [dict(name=title, state='ok' if away <= TOLERANCE else 'broken', difference=away,
                 value=f'{away:.1e} from the CPU (to {TOLERANCE:g})')]
