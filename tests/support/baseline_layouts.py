"""Public weights of other frameworks' detectors: real names and shapes, random values."""
from __future__ import annotations

import re
from pathlib import Path

import torch
from torch import Tensor

LAYOUTS = Path(__file__).resolve().parents[1] / 'fixtures' / 'baseline_layouts'
NORM = ('weight', 'bias', 'running_mean', 'running_var')


def tensors(layout: str) -> dict[str, Tensor]:
    """Random tensors of the names and shapes in a list."""
    random = torch.Generator().manual_seed(0)
    found = {}
    for line in (LAYOUTS / f'{layout}.txt').read_text().splitlines():
        name, *shape = line.split()
        if name == '#' or '"norm' in line:
            continue
        if shape[0] == 'norm':
            for part in NORM:
                found[f'{name}.{part}'] = torch.rand(int(shape[1]), generator=random) + 0.5
            found[f'{name}.num_batches_tracked'] = torch.tensor(7)
        else:
            sizes = [] if shape == ['-'] else [int(size) for size in shape[0].split('x')]
            found[name] = torch.randn(sizes, generator=random) / 5
    return found


def pruned_tensors() -> dict[str, Tensor]:
    """OpenPCDet's CenterPoint under the names of SPS-Conv's release: pruned layers are wrapped."""
    found = {}
    for name, value in tensors('openpcdet_centerpoint_nuscenes').items():
        name = re.sub(r'^(backbone_3d\.conv[1-4]\.\d\.conv[12])\.', r'\1.conv_block.', name)
        name = re.sub(r'^(backbone_3d\.conv[2-4]\.0)\.0\.', r'\1.conv.conv_block.', name)
        name = re.sub(r'^(backbone_3d\.conv[2-4]\.0)\.1\.', r'\1.bn1.', name)
        found[name] = value
    return found
