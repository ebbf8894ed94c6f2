"""Sampling of views: by hand, against grid_sample, backends, gradients, the published outputs."""
from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from sparse3d.errors import BackendUnavailable
from sparse3d.ops.choose_views import ChosenViews, choose_views
from sparse3d.ops.packed_views import pack_views
from sparse3d.ops.sample_views import read_views, sample_views

FIXTURES = Path(__file__).resolve().parents[2] / 'fixtures' / 'sparsebev'
BACKENDS = ('reference', 'fast')
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12, torch.float16: 5e-3, torch.bfloat16: 4e-2}
SIZE = (8, 16)  # of the image, pixels


def camera(direction: float = 0.0) -> torch.Tensor:
    """Matrix of a camera with 90 degrees of view that looks along ``direction``."""
    cos, sin = np.cos(direction), np.sin(direction)
    lidar2cam = np.array([[sin, -cos, 0, 0], [0, 0, -1, 0], [cos, sin, 0, 0], [0, 0, 0, 1.0]])
    cam2img = np.array([[8.0, 0, 8, 0], [0, 8, 4, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    return torch.tensor(cam2img @ lidar2cam)


@pytest.fixture
def scene():
    """Two samples, three frames, four cameras, two levels, two groups."""
    random = torch.Generator().manual_seed(1)
    features = [torch.randn(2, 3, 4, 6, *size, generator=random) for size in ((4, 8), (2, 4))]
    points = torch.randn(2, 5, 3, 6, 3, generator=random) * torch.tensor([8.0, 8.0, 1.5])
    weights = torch.rand(2, 5, 3, 6, 2, generator=random).softmax(-1)
    cameras = torch.stack([camera(angle) for angle in (0, np.pi / 2, np.pi, -np.pi / 2)])
    return dict(features=features, points=points, level_weights=weights,
                lidar2img=cameras.expand(2, 3, 4, 4, 4), image_size=SIZE, groups=2)


def slowly(features, points, level_weights, lidar2img, image_size, groups, **quirks):
    """The same with one grid_sample for each sample, frame, group, point and level."""
    chosen = choose_views(points, lidar2img, image_size,
                          published_view_choice=quirks.get('published_view_choice', False))
    batch, queries, frames, count = chosen.view.shape
    width = features[0].shape[3] // groups
    out = points.new_zeros(batch, queries, frames, count, width)
    for place in np.ndindex(batch, queries, frames, count):
        b, _, t, p = place
        group = p // (count // groups)
        at = (chosen.position[place] * 2 - 1).view(1, 1, 1, 2).to(points.dtype)
        for level, maps in enumerate(features):
            part = maps[b, t, chosen.view[place], group * width:(group + 1) * width][None]
            value = F.grid_sample(part, at, align_corners=quirks.get('published_alignment', False))
            out[place] += value[0, :, 0, 0] * level_weights[place][level] * chosen.weight[place]
    return out


def test_a_point_ahead_is_read_by_hand():
    ramp = torch.arange(16.0).expand(1, 1, 1, 1, 8, 16)  # value is the column of the cell
    # 8 m ahead and 2 m to the left: pixel 8 - 8 * 2 / 8 = 6, between cells 5 and 6.
    point = torch.tensor([8.0, 2.0, 0.0]).view(1, 1, 1, 1, 3)
    one = torch.ones(1, 1, 1, 1, 1)
    matrix = camera().view(1, 1, 1, 4, 4)
    assert sample_views([ramp], point, one, matrix, SIZE).item() == pytest.approx(5.5)
    published = sample_views([ramp], point, one, matrix, SIZE, published_alignment=True)
    assert published.item() == pytest.approx(6 / 16 * 15)


def test_a_point_exactly_on_the_edge_of_the_image_is_not_read():
    inside, above = 1e-3, 4.0
    for point, weight in (
            ((above, above, 0.0), 0), ((above, above - inside, 0.0), 1),     # the left edge
            ((above, -above, 0.0), 0), ((above, inside - above, 0.0), 1),    # the right one
            ((above, 0.0, above / 2), 0), ((above, 0.0, above / 2 - inside), 1),
            ((above, 0.0, -above / 2), 0), ((above, 0.0, inside - above / 2), 1)):
        points = torch.tensor(point, dtype=torch.float64).view(1, 1, 1, 1, 3)
        chosen = choose_views(points, camera().round(decimals=9)[None, None, None], SIZE)
        assert chosen.weight.item() == weight, point


def test_a_point_nobody_sees_gives_zeros_whatever_its_depth():
    ones = torch.ones(1, 1, 1, 2, 8, 16)
    points = torch.tensor([[-5.0, 0, 0], [0, 0, 0], [1e-7, 1e6, 0], [5, 0, 90]]).view(1, 1, 1, 4, 3)
    read = sample_views([ones], points, torch.ones(1, 1, 1, 4, 1), camera().view(1, 1, 1, 4, 4),
                        SIZE)
    assert read.isfinite().all() and read.eq(0).all()


@pytest.mark.parametrize('quirks', [
    {}, dict(published_alignment=True), dict(published_view_choice=True),
    dict(published_alignment=True, published_view_choice=True)], ids=str)
@pytest.mark.parametrize('backend', BACKENDS)
def test_agrees_with_grid_sample(scene, quirks, backend):
    expected = slowly(**scene, **quirks)
    assert expected.abs().max() > 0.5
    torch.testing.assert_close(sample_views(**scene, **quirks, backend=backend), expected,
                               atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize('dtype', TOLERANCE, ids=str)
@pytest.mark.parametrize('backend', BACKENDS)
def test_backends_agree_in_every_precision(scene, dtype, backend):
    exact = sample_views(**{**scene, 'features': [f.double() for f in scene['features']],
                            'points': scene['points'].double()}, backend='reference')
    low = sample_views(**{**scene, 'features': [f.to(dtype) for f in scene['features']]},
                       backend=backend)
    assert low.dtype == dtype
    assert (low.double() - exact).abs().max() < max(TOLERANCE[dtype], 1e-5)


@pytest.mark.parametrize('backend', BACKENDS)
def test_gradients(scene, backend):
    scene = {**scene, 'features': [f[:1, :1, :2, :2].double() for f in scene['features']],
             'points': scene['points'][:1, :2, :1].double(),
             'level_weights': scene['level_weights'][:1, :2, :1].double(),
             'lidar2img': scene['lidar2img'][:1, :1, :2]}
    inputs = [*scene['features'], scene['points'], scene['level_weights']]
    inputs = [value.detach().requires_grad_() for value in inputs]

    def run(first, second, points, weights):
        return sample_views([first, second], points, weights, scene['lidar2img'], SIZE, groups=2,
                            backend=backend)

    assert torch.autograd.gradcheck(run, inputs)


def test_the_order_of_the_cameras_does_not_matter(scene):
    order = torch.tensor([2, 0, 3, 1])
    turned = {**scene, 'features': [level[:, :, order] for level in scene['features']],
              'lidar2img': scene['lidar2img'][:, :, order]}
    torch.testing.assert_close(sample_views(**turned), sample_views(**scene))
    published = dict(published_view_choice=True)
    assert not torch.allclose(sample_views(**turned, **published),
                              sample_views(**scene, **published))


def test_a_missing_camera_is_not_read(scene):
    mask = torch.ones(2, 3, 4, dtype=torch.bool)
    mask[1, :, 2] = False
    broken = {**scene, 'features': [level.clone() for level in scene['features']]}
    for level in broken['features']:
        level[1, :, 2] = float('inf')
    for quirk in (False, True):
        read = sample_views(**broken, valid=mask, published_view_choice=quirk)
        assert read[0].equal(sample_views(**scene, published_view_choice=quirk)[0])
        dark = {**scene, 'features': [level.clone() for level in scene['features']]}
        for level in dark['features']:
            level[1, :, 2] = 0
        chosen = choose_views(scene['points'], scene['lidar2img'], SIZE, mask, quirk)
        assert (chosen.view[1] != 2).all() or quirk
        assert sample_views(**dark, valid=mask, published_view_choice=quirk).isfinite().all()


def _read_beside_a_broken_camera(scene, backend, filling, quirk) -> list[torch.Tensor]:
    """Result and gradients where the last camera of the last sample is ``filling`` and missing,
    its matrices too."""
    mask = torch.ones(scene['lidar2img'].shape[:3], dtype=torch.bool)
    mask[-1, :, -1] = False
    inputs = [value.clone() for value in
              (*scene['features'], scene['points'], scene['level_weights'])]
    for level in inputs[:2]:
        level[-1, :, -1] = filling
    inputs = [value.requires_grad_() for value in inputs]
    matrices = scene['lidar2img'].masked_fill(~mask[..., None, None], filling)
    read = sample_views(inputs[:2], *inputs[2:], matrices, SIZE, 2, mask, quirk, backend=backend)
    read.square().sum().backward()
    return [read.detach(), *(value.grad for value in inputs)]


@pytest.mark.parametrize('quirk', [False, True])
@pytest.mark.parametrize('backend', BACKENDS)
def test_a_missing_camera_is_left_out_not_multiplied_by_zero(scene, backend, quirk):
    found = _read_beside_a_broken_camera(scene, backend, torch.nan, quirk)
    expected = _read_beside_a_broken_camera(scene, backend, 0.0, quirk)
    assert expected[0][1].abs().max() > 0.5
    for ours, wanted in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, wanted)  # NaN equals nothing


@pytest.mark.parametrize('backend', BACKENDS)
def test_a_point_that_nobody_sees_reads_nothing(scene, backend):
    far = torch.full_like(scene['points'], 0.0) + torch.tensor([0, 0, 1e4])  # above all cameras
    broken = [torch.full_like(level, torch.nan) for level in scene['features']]
    read = sample_views(**{**scene, 'features': broken, 'points': far}, backend=backend)
    assert read.eq(0).all()


def test_packing_once_gives_the_same(scene):
    packed = pack_views(scene['features'], scene['groups'])
    again = {**scene, 'features': packed}
    assert sample_views(**again).equal(sample_views(**scene))


def test_no_query_no_point(scene):
    for queries, count in ((0, 6), (5, 0)):
        empty = {**scene, 'points': scene['points'][:, :queries, :, :count],
                 'level_weights': scene['level_weights'][:, :queries, :, :count]}
        assert sample_views(**empty).shape == (2, queries, 3, count, 3)


def test_what_does_not_fit_is_refused(scene):
    with pytest.raises(ValueError, match='share B, T, N and C'):
        pack_views([scene['features'][0], scene['features'][1][:1]])
    with pytest.raises(ValueError, match='5 groups'):
        pack_views(scene['features'], 5)
    with pytest.raises(ValueError, match='do not fit'):
        sample_views(**{**scene, 'level_weights': scene['level_weights'][..., :1]})
    with pytest.raises(BackendUnavailable, match='no backend .cuda.'):
        sample_views(**scene, backend='cuda')


def test_a_backend_that_is_not_there_is_an_error(scene, monkeypatch):
    monkeypatch.delenv('TRITON_INTERPRET', raising=False)
    with pytest.raises(BackendUnavailable, match="use 'auto'"):
        sample_views(**scene, backend='triton')


@pytest.fixture
def interpreted_triton():
    """Triton's interpreter, which runs kernels on the CPU; to be chosen before it is imported."""
    pytest.importorskip('triton', reason='triton is not installed (it comes with CUDA builds)')
    if os.environ.get('TRITON_INTERPRET') != '1':
        pytest.skip('TRITON_INTERPRET=1 is not set')


@pytest.mark.parametrize('quirks', [{}, dict(published_alignment=True)], ids=str)
@pytest.mark.parametrize('deterministic', [False, True])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_fused_kernel_agrees_with_the_reference(scene, interpreted_triton, quirks, deterministic,
                                                dtype):
    few = scene['points'][:1, :2, :2]  # the interpreter is slow
    scene = {**scene, 'features': [level[:1, :2] for level in scene['features']], 'points': few,
             'level_weights': scene['level_weights'][:1, :2, :2],
             'lidar2img': scene['lidar2img'][:1, :2]}
    results = []
    for backend in ('reference', 'triton'):
        kind = torch.float32 if backend == 'reference' else dtype
        inputs = [value.to(dtype).to(kind).detach().requires_grad_()
                  for value in scene['features']]
        inputs += [scene[name].detach().clone().requires_grad_()
                   for name in ('points', 'level_weights')]
        torch.use_deterministic_algorithms(deterministic)
        try:
            read = sample_views(inputs[:2], *inputs[2:], scene['lidar2img'], SIZE, 2, **quirks,
                                backend=backend)
            assert read.dtype == kind
            read.float().square().sum().backward()
        finally:
            torch.use_deterministic_algorithms(False)
        results.append([read.detach(), *(value.grad for value in inputs)])
    for expected, found in zip(*results, strict=True):
        largest = expected.abs().max()
        assert (found.float() - expected).abs().max() <= max(TOLERANCE[dtype], 1e-5) * largest


@pytest.mark.parametrize('quirk', [False, True])
@pytest.mark.parametrize('deterministic', [False, True])
def test_fused_kernel_leaves_a_missing_camera_out(scene, interpreted_triton, deterministic, quirk):
    few = {**scene, 'features': [level[:1, :2] for level in scene['features']],
           'points': scene['points'][:1, :2, :2],
           'level_weights': scene['level_weights'][:1, :2, :2],
           'lidar2img': scene['lidar2img'][:1, :2]}
    torch.use_deterministic_algorithms(deterministic)
    try:
        found = _read_beside_a_broken_camera(few, 'triton', torch.nan, quirk)
    finally:
        torch.use_deterministic_algorithms(False)
    expected = _read_beside_a_broken_camera(few, 'reference', 0.0, quirk)
    for ours, wanted in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, wanted, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize('backend', BACKENDS)
def test_published_operator(backend):
    with np.load(FIXTURES / 'ops_inputs.npz') as given, \
            np.load(FIXTURES / 'ops_outputs.npz') as stored:
        given = {name: torch.from_numpy(given[name]) for name in given}
        stored = {name: torch.from_numpy(stored[name]) for name in stored}
    features = [given[f'op_feat{level}'].permute(0, 1, 4, 2, 3)[:, None].requires_grad_()
                for level in range(4)]
    place = given['op_loc'].requires_grad_()
    weights = given['op_weight'].requires_grad_()
    chosen = ChosenViews(place[:, :, None, :, :2], (place[:, :, None, :, 2] * 5).round().long(),
                         torch.ones(2, 10, 1, 4))
    read = read_views(pack_views(features), chosen, weights[:, :, None], True, backend)
    read = read[:, :, 0].transpose(2, 3)
    _close(read, stored['op_out'])
    (read * given['op_gradout']).sum().backward()
    _close(weights.grad, stored['op_grad_weight'])
    _close(place.grad[..., :2], stored['op_grad_loc'])
    for level, maps in enumerate(features):
        _close(maps.grad[:, 0].permute(0, 1, 3, 4, 2), stored[f'op_grad_feat{level}'])


def _close(ours: torch.Tensor, stored: torch.Tensor) -> None:
    assert (ours - stored).abs().max() <= 1e-4 * stored.abs().max()
