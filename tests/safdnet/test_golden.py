"""Every stored stage of the five released models, up to the map that the head gets."""
from __future__ import annotations

import numpy as np
import pytest
import torch

FEATURES = dict(rtol=1e-5, atol=1e-4)
KINDS = ('argo', 'waymo', 'nus', 'hed', 'hednus')
ROWS = dict(argo=96, waymo=96, hed=96, nus=64, hednus=64)
SPARSE = ('argo', 'waymo', 'nus')


@pytest.fixture(scope='module', params=KINDS)
def run(request, run_of):
    return run_of(request.param)


def digest(features: torch.Tensor) -> np.ndarray:
    return torch.stack([features.mean(1), features.norm(dim=1)], dim=1).numpy()


def test_every_stage(run):
    checked = 0
    for name, (features, coordinates) in run.seen.items():
        if run.has(f'{name}_coords'):
            np.testing.assert_array_equal(coordinates, run.stored(f'{name}_coords'), err_msg=name)
        if run.has(f'{name}_digest'):
            np.testing.assert_allclose(digest(features), run.stored(f'{name}_digest'), **FEATURES,
                                       err_msg=name)
        if run.has(f'{name}_rows'):
            rows = features[:, ::16] if coordinates is None else features[::ROWS[run.kind]]
            np.testing.assert_allclose(rows, run.stored(f'{name}_rows'), **FEATURES, err_msg=name)
        checked += any(run.has(f'{name}_{what}') for what in ('coords', 'digest', 'rows'))
    stages = {name.rpartition('_')[0] for name in run.golden.outputs
              if name.startswith(f'{run.kind}_') and name.endswith(('_rows', '_digest'))}
    beside = {name for name in stages if 'head' in name}
    assert checked == len(stages - beside)


@pytest.mark.parametrize('kind', SPARSE)
def test_diffusion(run_of, kind):
    run = run_of(kind)
    np.testing.assert_array_equal(run.found.coordinates, run.stored('bev_coords'))
    np.testing.assert_allclose(run.found.logits.detach(), run.stored('afd_logits'), **FEATURES)
    np.testing.assert_array_equal(run.found.foreground, run.stored('afd_fg'))
    np.testing.assert_array_equal(run.features.indices, run.stored('afd_cells'))
    grown = {tuple(cell) for cell in run.features.indices.tolist()}
    old = {tuple(cell) for cell in run.found.coordinates.tolist()}
    assert old < grown
    new = [tuple(cell) not in old for cell in run.features.indices.tolist()]
    np.testing.assert_array_equal(new, run.stored('afd_new'))
