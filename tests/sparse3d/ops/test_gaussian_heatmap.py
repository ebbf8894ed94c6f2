"""Gaussians all at once against mmdet3d's, which draws one after another."""
from __future__ import annotations

import pytest
import torch
from mmdet3d.models.utils import draw_heatmap_gaussian, gaussian_radius

from sparse3d.ops import gaussian_heatmap
from sparse3d.ops.gaussian_heatmap import draw_gaussians, gaussian_radii


@pytest.mark.parametrize('overlap', [0.1, 0.5, 0.7])
def test_radii_are_mmdet3ds(overlap):
    sizes = torch.rand(300, 2, generator=torch.Generator().manual_seed(0)) * 40 + 1e-3
    expected = torch.stack([gaussian_radius((size[0], size[1]), overlap) for size in sizes])
    assert torch.equal(gaussian_radii(sizes, overlap), expected)
    assert len(gaussian_radii(sizes[:0], overlap)) == 0


@pytest.mark.parametrize('at_once', [1, 1 << 18])
@pytest.mark.parametrize(('shape', 'largest'), [((30, 40), 6), ((9, 5), 25)])
def test_maps_are_mmdet3ds(shape, largest, at_once, monkeypatch):
    """Several on one cell, radii beyond the map, cells at and outside its edges."""
    monkeypatch.setitem(gaussian_heatmap._VALUES_AT_ONCE, 'cpu', at_once)
    random = torch.Generator().manual_seed(largest)
    count, (height, width) = 60, shape
    plane = torch.randint(0, 6, (count,), generator=random)
    cells = torch.stack([torch.randint(-3, end + 3, (count,), generator=random)
                         for end in (width, height)], dim=1)
    cells[:10] = cells[0]
    radii = torch.randint(0, largest + 1, (count,), generator=random)
    found = draw_gaussians(torch.zeros(2, 3, *shape), plane, cells, radii)
    expected = torch.zeros(6, *shape)
    for row in range(count):
        draw_heatmap_gaussian(expected[plane[row]], cells[row], int(radii[row]))
    torch.testing.assert_close(found.view(6, *shape), expected, rtol=0, atol=1e-7)
    assert (found == 1).sum() > 5


def test_one_object_by_hand():
    found = draw_gaussians(torch.zeros(1, 3, 4), torch.zeros(1).long(), torch.tensor([[1, 2]]),
                           torch.tensor([1]))
    side, corner = torch.exp(torch.tensor([-2.0, -4.0])).tolist()  # sigma is half a cell
    assert found[0].tolist() == [pytest.approx(row) for row in (
        [0, 0, 0, 0], [corner, side, corner, 0], [side, 1, side, 0])]


def test_nothing_to_draw_and_a_map_that_cannot_be_changed():
    none = torch.zeros(0).long()
    assert not draw_gaussians(torch.zeros(2, 3, 4), none, none.view(0, 2), none).any()
    with pytest.raises(ValueError, match='contiguous'):
        draw_gaussians(torch.zeros(3, 4).t(), none, none.view(0, 2), none)


def test_the_host_waits_once_however_many_objects(monkeypatch):
    waits = []
    for name in ('item', '__int__', '__float__', '__bool__', 'tolist', 'nonzero'):
        original = getattr(torch.Tensor, name)
        monkeypatch.setattr(torch.Tensor, name, lambda self, *rest, own=original, name=name: (
            waits.append(name), own(self, *rest))[1])
    for count in (1, 50):
        waits.clear()
        draw_gaussians(torch.zeros(2, 30, 40), torch.zeros(count).long(),
                       torch.ones(count, 2).long(), torch.full((count,), 3))
        assert len(waits) == 1
