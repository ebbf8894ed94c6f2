from __future__ import annotations

import pytest
import torch

from sparse3d.errors import ConfigError
from sparse3d.pretraining.column_masks import ColumnGrid, draw_column_mask

SHAPE = (5, 7)


def columns(*counts, seed=0):
    """Voxels in so many columns of each sample, some columns with several, in any order."""
    random = torch.Generator().manual_seed(seed)
    rows = []
    for sample, count in enumerate(counts):
        cells = torch.randperm(SHAPE[0] * SHAPE[1], generator=random)[:count]
        cells = torch.cat([cells, cells[:count // 2]])
        rows.append(torch.stack([torch.full_like(cells, sample), cells // SHAPE[1],
                                 cells % SHAPE[1]], 1))
    voxels = torch.cat(rows)
    return voxels[torch.randperm(len(voxels), generator=random)]


def draw(voxels, ratio=0.7, seed=3, **options):
    return draw_column_mask(voxels, SHAPE, ratio, torch.Generator().manual_seed(seed), **options)


def test_the_share_is_exact_in_every_sample():
    voxels = columns(10, 20, 1, 13)
    mask = draw(voxels)
    for sample, count in enumerate((10, 20, 1, 13)):
        own = mask.cells[:, 0] == sample
        assert int(own.sum()) == count
        assert int((~mask.masked & own).sum()) == int(0.3 * count + 1e-9)
    assert torch.equal(mask.cells[mask.cell_of_voxel], voxels)


def test_of_a_batch_as_published_the_share_of_a_sample_varies():
    kept = set()
    for seed in range(8):
        mask = draw(columns(20, 20), seed=seed, share_of_batch=True)
        assert int((~mask.masked).sum()) == 12
        kept.add(int((~mask.masked & (mask.cells[:, 0] == 0)).sum()))
    assert len(kept) > 1


def test_one_seed_one_mask():
    voxels = columns(30)
    assert torch.equal(draw(voxels).masked, draw(voxels).masked)
    assert not torch.equal(draw(voxels).masked, draw(voxels, seed=4).masked)


@pytest.mark.parametrize('ratio, hidden', [(0.0, 0), (1.0, 12)])
def test_all_and_none(ratio, hidden):
    assert int(draw(columns(12), ratio).masked.sum()) == hidden


def test_no_voxels():
    mask = draw(torch.zeros(0, 3, dtype=torch.long))
    assert mask.cells.shape == (0, 3) and not len(mask.masked) and not len(mask.cell_of_voxel)


def test_a_share_that_is_none_is_refused():
    with pytest.raises(ConfigError, match='between 0 and 1'):
        draw(columns(3), 1.2)


def test_columns_of_voxels_end_at_the_map():
    grid = ColumnGrid([0.1, 0.1, 0.2], [0, 0, -2, 1.8, 1.0, 2], 8, (1, 2))
    assert grid.size == pytest.approx((0.8, 0.8))
    found = grid.columns_of(torch.tensor([[1, 3, 9, 17], [0, 0, 7, 7]]))
    assert found.tolist() == [[1, 0, 1], [0, 0, 0]]
