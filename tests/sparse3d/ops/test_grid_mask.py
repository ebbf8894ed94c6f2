from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet3d.registry import MODELS

from sparse3d.ops.grid_mask import square_grid

FIXTURE = Path(__file__).parents[2] / 'fixtures/sparsebev_data/augmentation.npz'


@pytest.mark.parametrize('case, period, offset', [
    (0, 39, (12, 8)), (1, 42, (15, 8)), (2, 44, (24, 3)), (3, 60, (46, 55))])
def test_the_published_code(case, period, offset):
    expected = np.load(FIXTURE)[f'out_gridmask{case}']
    np.testing.assert_array_equal(square_grid(64, 192, period, offset), expected)


def test_by_hand():
    # 1.5 x 4 = 6 rows laid out, the image begins in row 1; period 2, a stripe of 1
    mask = square_grid(4, 4, 2, (0, 0))
    np.testing.assert_array_equal(mask.astype(int), [
        [0, 1, 0, 1], [1, 1, 1, 1], [0, 1, 0, 1], [1, 1, 1, 1]])


def test_module():
    module = MODELS.build(dict(type='GridMask', probability=1.0))
    images = torch.rand(4, 3, 40, 60) + 1
    masked = module(images)
    erased = masked == 0
    assert torch.equal(erased, erased[:1, :1].expand_as(erased)) and erased.any()
    assert torch.equal(masked[~erased], images[~erased])
    assert module.eval()(images) is images
    never = MODELS.build(dict(type='GridMask', probability=0.0))
    assert never(images) is images
    assert module.train()(images[:0]).shape == (0, 3, 40, 60)
    assert module(torch.ones(1, 3, 2, 2)).sum() == 12
