"""The benchmark of windows and patches that are left out, at a small size."""
from __future__ import annotations

import torch

from sparse3d_benchmarks.sparse_swin import patch_rows, swin_rows

SMALL = dict(embed_dims=8, depths=(2, 2), num_heads=(1, 2), strides=(4, 2), out_indices=(0, 1))


def test_rows_of_the_swin():
    with torch.no_grad():
        rows = swin_rows((56, 112), 1, **SMALL)
    assert [row['name'] for row in rows] == [
        'Swin-T dense', *(f'Swin-T without {ratio} of all windows' for ratio in (
            '0.2', '0.4', '0.6', '0.8'))]
    assert all(row['value'] > 0 and row['baseline'] > 0 for row in rows)
    assert '% of the multiplications' in rows[-1]['note']
    assert 'gather and scatter' in rows[1]['note']


def test_rows_of_the_patches():
    net = dict(type='mmdet.ResNet', depth=18, base_channels=8, norm_eval=True)
    with torch.no_grad():
        rows = patch_rows((128, 128), 1, net)
    shares = [row['note'].split(' % kept')[0].rsplit(' ', 1)[1] for row in rows]
    assert shares == ['100', '50', '25', '0']
