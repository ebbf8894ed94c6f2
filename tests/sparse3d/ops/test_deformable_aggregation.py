"""Deformable aggregation: by hand, the border, backends, gradients, the published outputs."""
from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from sparse3d.errors import BackendUnavailable
from sparse3d.ops.deformable_aggregation import deformable_aggregation
from sparse3d.ops.packed_maps import PackedMaps, counts, pack_maps

FIXTURES = Path(__file__).resolve().parents[2] / 'fixtures' / 'sparse4d'
BACKENDS = ('reference', 'fast')
BORDERS = ('inside', 'cells')
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12, torch.float16: 5e-3, torch.bfloat16: 4e-2}


@pytest.fixture
def published() -> dict[str, torch.Tensor]:
    with np.load(FIXTURES / 'aggregation.npz') as stored:
        return {name.removeprefix('op_'): torch.from_numpy(np.array(stored[name]))
                for name in stored}


@pytest.fixture
def scene():
    """Two samples, five instances of four points, three cameras, two levels, two groups."""
    random = torch.Generator().manual_seed(1)
    maps = [torch.randn(2, 3, 6, *size, generator=random) for size in ((4, 8), (2, 4))]
    points = torch.rand(2, 5, 4, 3, 2, generator=random) * 2 - 0.5
    weights = torch.rand(2, 5, 4, 3, 2, 2, generator=random)
    return dict(maps=maps, points=points, weights=weights)


def packed_of(published: dict[str, torch.Tensor]) -> PackedMaps:
    sizes = tuple(tuple((height, width) for height, width in levels)
                  for levels in published['spatial_shape'].tolist())
    packed = PackedMaps(published['feat'], sizes)
    assert [list(starts) for starts in packed.starts] == published['start_index'].tolist()
    return packed


def slowly(maps, points, weights, border: str) -> torch.Tensor:
    """Cell by cell, in plain numbers."""
    batch, instances, groups = *points.shape[:2], weights.shape[-1]
    channels = maps[0].shape[2]
    out = torch.zeros(batch, instances, channels, dtype=torch.float64)
    for place in np.ndindex(*points.shape[:4]):
        b, a, _, camera = place
        x, y = points[place].double().tolist()
        if border == 'inside' and not (0 < x < 1 and 0 < y < 1):
            continue
        for number, level in enumerate(maps):
            height, width = level.shape[-2:]
            column, row = x * width - 0.5, y * height - 0.5
            for at_y in (int(np.floor(row)), int(np.floor(row)) + 1):
                for at_x in (int(np.floor(column)), int(np.floor(column)) + 1):
                    if not (0 <= at_x < width and 0 <= at_y < height):
                        continue
                    share = (1 - abs(column - at_x)) * (1 - abs(row - at_y))
                    scale = weights[place][number].double().repeat_interleave(channels // groups)
                    out[b, a] += share * scale * level[b, camera, :, at_y, at_x].double()
    return out


def test_a_place_is_read_by_hand():
    ramp = torch.arange(8.0).expand(1, 1, 1, 4, 8)  # value is the column of the cell
    weights = torch.full((1, 1, 1, 1, 1, 1), 2.0)
    place = torch.tensor([0.5, 0.5]).view(1, 1, 1, 1, 2)
    for backend in BACKENDS:
        assert deformable_aggregation([ramp], place, weights, backend=backend).item() == 7.0


@pytest.mark.parametrize('backend', BACKENDS)
@pytest.mark.parametrize(('x', 'inside', 'cells'), [
    (0.0, 0.0, 0.5), (1.0, 0.0, 0.5), (1e-6, 0.5, 0.5), (1.05, 0.0, 0.3), (1.3, 0.0, 0.0),
    (-1e9, 0.0, 0.0)])
def test_a_place_on_the_edge_does_not_count(backend, x, inside, cells):
    """Four cells: beyond the last center a place fades, and half a cell outside it ends."""
    ones, weights = torch.ones(1, 1, 1, 4, 4), torch.ones(1, 1, 1, 1, 1, 1)
    place = torch.tensor([x, 0.5]).view(1, 1, 1, 1, 2)
    for border, expected in (('inside', inside), ('cells', cells)):
        found = deformable_aggregation([ones], place, weights, border, backend)
        assert found.item() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize('border', BORDERS)
@pytest.mark.parametrize('backend', BACKENDS)
def test_agrees_with_plain_numbers(scene, backend, border):
    expected = slowly(**scene, border=border)
    found = deformable_aggregation(**scene, border=border, backend=backend)
    assert expected.abs().max() > 0.5
    torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize('dtype', TOLERANCE, ids=str)
@pytest.mark.parametrize('backend', BACKENDS)
def test_backends_agree_in_every_precision(scene, dtype, backend):
    exact = deformable_aggregation(
        [level.double() for level in scene['maps']], scene['points'].double(),
        scene['weights'].double(), backend='reference')
    points = scene['points'].double() if dtype == torch.float64 else scene['points']
    low = deformable_aggregation([level.to(dtype) for level in scene['maps']], points,
                                 scene['weights'].to(points.dtype), backend=backend)
    assert low.dtype == dtype
    assert (low.double() - exact).abs().max() < max(TOLERANCE[dtype], 1e-12) * 10


@pytest.mark.parametrize('backend', BACKENDS)
def test_the_published_outputs_and_gradients(published, backend):
    packed = packed_of(published)
    leaves = [published[name].requires_grad_() for name in ('feat', 'loc', 'weight')]
    out = deformable_aggregation(packed, leaves[1], leaves[2], backend=backend)
    _same(out, published['out'])
    out.backward(published['gradout'])
    for leaf, name in zip(leaves, ('grad_feat', 'grad_loc', 'grad_weight'), strict=True):
        _same(leaf.grad, published[name])


@pytest.mark.parametrize('border', BORDERS)
@pytest.mark.parametrize('backend', BACKENDS)
def test_gradients(scene, backend, border):
    leaves = [*(level[:1, :2, :2].double() for level in scene['maps']),
              scene['points'][:1, :2, :2, :2].double(), scene['weights'][:1, :2, :2, :2].double()]
    for leaf in leaves:
        leaf.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda *given: deformable_aggregation(given[:-2], given[-2], given[-1], border, backend),
        leaves)


@pytest.mark.parametrize('backend', BACKENDS)
def test_where_nothing_is_seen_there_are_zeros_and_so_are_gradients(scene, backend):
    maps = [level.requires_grad_() for level in scene['maps']]
    points = torch.full_like(scene['points'], 2.0).requires_grad_()
    found = deformable_aggregation(maps, points, scene['weights'], backend=backend)
    assert found.eq(0).all()
    found.sum().backward()
    assert maps[0].grad.eq(0).all() and points.grad.eq(0).all()
    none = deformable_aggregation(maps, points[:, :0], scene['weights'][:, :0], backend=backend)
    assert none.shape == (2, 0, 6)


def test_what_does_not_count():
    places = torch.tensor([[0.5, 0.5], [0.0, 0.5], [0.5, 1.0], [float('nan'), 0.5], [1e30, 0.5]])
    assert counts(places).tolist() == [True, False, False, False, False]


def test_what_does_not_fit_is_refused(scene):
    with pytest.raises(ValueError, match='border is .edge.'):
        deformable_aggregation(**scene, border='edge')
    with pytest.raises(ValueError, match='do not fit features'):
        deformable_aggregation(scene['maps'], scene['points'][:, :, :, :2], scene['weights'])
    with pytest.raises(ValueError, match='share B, N and C'):
        pack_maps([scene['maps'][0], scene['maps'][1][:1]])
    with pytest.raises(BackendUnavailable):
        deformable_aggregation(**scene, backend='cuda')


INTERPRETED = os.environ.get('TRITON_INTERPRET') == '1'


@pytest.mark.skipif(not INTERPRETED, reason='runs in another process, with TRITON_INTERPRET=1')
@pytest.mark.parametrize('border', BORDERS)
@pytest.mark.parametrize('ordered', [False, True], ids=['atomics', 'in order'])
def test_the_fused_kernel_agrees(scene, border, ordered):
    """Values and gradients, in both ways of adding; 6 channels of 2 groups are no power of two."""
    results = []
    torch.use_deterministic_algorithms(ordered)
    try:
        for backend in ('reference', 'triton'):
            leaves = [part.detach().clone().requires_grad_() for part in (
                *scene['maps'], scene['points'], scene['weights'])]
            out = deformable_aggregation(leaves[:-2], leaves[-2], leaves[-1], border, backend)
            out.square().sum().backward()
            results.append([out, *(leaf.grad for leaf in leaves)])
    finally:
        torch.use_deterministic_algorithms(False)
    for ours, theirs in zip(*results, strict=True):
        _same(ours, theirs)


@pytest.mark.skipif(not INTERPRETED, reason='runs in another process, with TRITON_INTERPRET=1')
def test_the_fused_kernel_gives_the_published_outputs(published):
    test_the_published_outputs_and_gradients(published, 'triton')


def _same(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    assert ours.shape == theirs.shape
    assert (ours - theirs).abs().max() < 1e-5 * max(theirs.abs().max().item(), 1.0)
