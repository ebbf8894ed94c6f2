"""Rotated IoU against shapely's polygons, on random and on degenerate pairs."""
from __future__ import annotations

import math

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from shapely import Polygon

from sparse3d.errors import BackendUnavailable
from sparse3d.ops import rotated_iou
from sparse3d.ops.rotated_iou import (
    close_pairs,
    rotated_iou_3d,
    rotated_iou_3d_aligned,
    rotated_iou_bev,
    rotated_iou_bev_aligned,
)

TOLERANCE = {torch.float64: 1e-9, torch.float32: 2e-5, torch.float16: 2e-5}


def polygon(box) -> Polygon:
    x, y, dx, dy, yaw = map(float, box)
    corners = [(dx / 2, dy / 2), (-dx / 2, dy / 2), (-dx / 2, -dy / 2), (dx / 2, -dy / 2)]
    return Polygon([(x + math.cos(yaw) * u - math.sin(yaw) * v,
                     y + math.sin(yaw) * u + math.cos(yaw) * v) for u, v in corners])


def oracle(a, b) -> torch.Tensor:
    polygons = [polygon(box) for box in b]
    rows = []
    for box in map(polygon, a):
        # On a grid: between edges that nearly coincide GEOS otherwise finds nothing at all.
        common = [box.intersection(other, grid_size=1e-11).area for other in polygons]
        rows.append([area / (box.area + other.area - area)
                     for area, other in zip(common, polygons, strict=True)])
    return torch.tensor(rows, dtype=torch.float64).reshape(len(a), len(b))


def random_boxes(number, span=8.0, dtype=torch.float64):
    boxes = torch.rand(number, 5, dtype=torch.float64)
    return (boxes * boxes.new_tensor([span, span, 4, 2, 14])
            + boxes.new_tensor([0, 0, 0.5, 0.3, -7])).to(dtype)


def test_two_squares_by_hand():
    square = torch.tensor([[0.0, 0.0, 2.0, 2.0, 0.0]])
    others = torch.tensor([[1.0, 0.0, 2.0, 2.0, 0.0],            # half of each: 2 / 6
                           [0.0, 0.0, 2.0, 2.0, math.pi / 4],    # octagon 8 (sqrt 2 - 1)
                           [0.0, 0.0, 1.0, 1.0, 0.3],            # inside
                           [3.0, 0.0, 2.0, 2.0, 0.0]])           # apart
    octagon = 8 * (math.sqrt(2) - 1)
    expected = torch.tensor([[1 / 3, octagon / (8 - octagon), 1 / 4, 0.0]])
    torch.testing.assert_close(rotated_iou_bev(square, others), expected)


def test_two_cubes_by_hand():
    cube = torch.tensor([[0.0, 0.0, 0.0, 2.0, 2.0, 2.0, 0.0]])
    raised = cube + torch.tensor([0, 0, 1.0, 0, 0, 0, 0])
    above = cube + torch.tensor([0, 0, 2.0, 0, 0, 0, 0])
    iou = rotated_iou_3d(cube, torch.cat([cube, raised, above]))
    torch.testing.assert_close(iou, torch.tensor([[1.0, 1 / 3, 0.0]]))


@pytest.mark.parametrize('dtype', [torch.float64, torch.float32])
def test_agrees_with_shapely_on_random_boxes(dtype):
    a, b = random_boxes(60, dtype=dtype), random_boxes(80, dtype=dtype)
    expected = oracle(a, b)
    assert (expected > 0).sum() > 500
    for backend in ('fast', 'auto'):
        iou = rotated_iou_bev(a, b, backend=backend)
        assert iou.dtype == dtype
        torch.testing.assert_close(iou.double(), expected, rtol=0, atol=TOLERANCE[dtype])


@pytest.mark.parametrize('dtype', [torch.float64, torch.float32])
@pytest.mark.parametrize('case', ['same', 'turned by pi', 'turned by -pi', 'turned by 2 pi',
                                  'swapped sides', 'shared edge inside', 'shared edge outside',
                                  'half', 'corner to corner', 'far from the origin'])
def test_degenerate_pairs_agree_with_shapely(case, dtype):
    a = random_boxes(200)
    if case == 'far from the origin':
        a[:, :2] += 500
    b = a.clone()
    along = torch.stack([a[:, 4].cos(), a[:, 4].sin()], 1) * a[:, 2:3]
    across = torch.stack([-a[:, 4].sin(), a[:, 4].cos()], 1) * a[:, 3:4]
    if case.startswith('turned'):
        b[:, 4] += {'pi': 1, '-pi': -1, '2 pi': 2}[case[10:]] * math.pi
    elif case == 'swapped sides':
        b[:, 2:4], b[:, 4] = a[:, [3, 2]], a[:, 4] + math.pi / 2
    elif case == 'shared edge inside':
        b[:, :2] += along / 4
        b[:, 2] /= 2
    elif case == 'shared edge outside':
        b[:, :2] += along
    elif case == 'half':
        b[:, :2] += across / 2
    elif case == 'corner to corner':
        b[:, :2] += along + across
    a, b = a.to(dtype), b.to(dtype)
    expected = torch.stack([oracle(a[i:i + 1], b[i:i + 1])[0, 0] for i in range(len(a))])
    # float32 positions 500 m away are 3e-5 m apart, on boxes as small as 0.3 m.
    tolerance = TOLERANCE[dtype] * (20 if case == 'far from the origin' else 1)
    for iou in (rotated_iou_bev_aligned(a, b), rotated_iou_bev(a, b).diagonal()):
        torch.testing.assert_close(iou.double(), expected, rtol=0, atol=tolerance)


angle = st.one_of(st.floats(-7, 7), st.sampled_from([0.0, math.pi / 2, math.pi, -math.pi / 2]))
place = st.one_of(st.floats(-3, 3), st.sampled_from([-1.0, 0.0, 0.5, 1.0]))
side = st.one_of(st.floats(0.01, 5), st.sampled_from([1.0, 2.0]))
box = st.tuples(place, place, side, side, angle)


@settings(max_examples=300, deadline=None)
@given(box, box)
@example((0.0, 0.0, 2.0, 2.0, math.pi), (0.5, 0.0, 1.0, 2.0, math.pi))  # GEOS: no overlap
def test_any_pair_agrees_with_shapely(first, second):
    a, b = (torch.tensor([values], dtype=torch.float64) for values in (first, second))
    expected = oracle(a, b)
    for iou in (rotated_iou_bev(a, b), rotated_iou_bev(b, a)):
        torch.testing.assert_close(iou, expected, rtol=0, atol=1e-8)
        assert 0 <= iou <= 1
    torch.testing.assert_close(rotated_iou_bev(a, b, 'reference'), expected, rtol=0, atol=1e-8)


def test_boxes_in_space_agree_with_shapely_prisms():
    def lift(flat):
        z = torch.rand(len(flat), 2, dtype=flat.dtype) * 2
        return torch.cat([flat[:, :2], z[:, :1], flat[:, 2:4], z[:, 1:], flat[:, 4:]], 1)
    a, b = lift(random_boxes(30)), lift(random_boxes(40))
    expected = torch.zeros(30, 40, dtype=torch.float64)
    for i, left in enumerate(a.tolist()):
        for j, right in enumerate(b.tolist()):
            area = polygon(left[:2] + left[3:5] + left[6:]).intersection(
                polygon(right[:2] + right[3:5] + right[6:])).area
            height = min(left[2] + left[5], right[2] + right[5]) - max(left[2], right[2])
            common = area * max(height, 0)
            volumes = math.prod(left[3:6]) + math.prod(right[3:6])
            expected[i, j] = common / (volumes - common)
    assert (expected > 0).sum() > 100
    torch.testing.assert_close(rotated_iou_3d(a, b), expected, rtol=0, atol=1e-9)
    torch.testing.assert_close(rotated_iou_3d_aligned(a, b[:30]), expected.diagonal(),
                               rtol=0, atol=1e-9)


def test_chunks_change_nothing(monkeypatch):
    a, b = random_boxes(50), random_boxes(70)
    whole = rotated_iou_bev(a, b)
    monkeypatch.setitem(rotated_iou.TEMPORARY, 'cpu', 150)
    assert torch.equal(rotated_iou_bev(a, b), whole)


def test_no_overlapping_pair_is_left_out():
    a, b = random_boxes(100, span=40), random_boxes(100, span=40)
    rows, columns = close_pairs(a, b)
    assert len(rows) < 2000
    left_out = torch.ones(100, 100, dtype=torch.bool)
    left_out[rows, columns] = False
    assert (oracle(a, b)[left_out] == 0).all()


@pytest.mark.parametrize('aligned, width', [(rotated_iou_bev_aligned, 5),
                                            (rotated_iou_3d_aligned, 7)])
def test_gradients(aligned, width):
    a = random_boxes(12, span=1.0)
    b = random_boxes(12, span=1.0)
    if width == 7:
        heights = torch.rand(2, 12, 2, dtype=torch.float64) + 0.5
        a, b = (torch.cat([flat[:, :2], h[:, :1], flat[:, 2:4], h[:, 1:], flat[:, 4:]], 1)
                for flat, h in zip((a, b), heights, strict=True))
    assert torch.autograd.gradcheck(aligned, (a.requires_grad_(), b.requires_grad_()))


def test_gradients_are_finite_on_axis_aligned_and_equal_boxes():
    a = torch.tensor([[0.0, 0, 2, 2, 0], [0, 0, 2, 2, 0], [9, 0, 2, 2, 0]], requires_grad=True)
    b = torch.tensor([[0.0, 0, 2, 2, 0], [1, 0, 2, 2, math.pi], [0, 0, 0, 2, 0]])
    rotated_iou_bev_aligned(a, b).sum().backward()
    assert a.grad.isfinite().all()


def test_half_precision_is_computed_in_float32():
    a, b = random_boxes(20, dtype=torch.float16), random_boxes(20, dtype=torch.float16)
    iou = rotated_iou_bev(a, b)
    assert iou.dtype == torch.float32
    torch.testing.assert_close(iou.double(), oracle(a, b), rtol=0, atol=TOLERANCE[torch.float16])


@pytest.mark.parametrize('n, m', [(0, 0), (0, 3), (3, 0)])
def test_no_boxes(n, m):
    assert rotated_iou_bev(torch.zeros(n, 5), torch.zeros(m, 5)).shape == (n, m)
    assert rotated_iou_3d(torch.zeros(n, 7), torch.zeros(m, 7)).shape == (n, m)
    assert rotated_iou_bev_aligned(torch.zeros(0, 5), torch.zeros(0, 5)).shape == (0,)


@pytest.mark.parametrize('dead', [[0, 0, 0, 2, 0], [0, 0, 0, 0, 0], [0, 0, -1, 2, 0],
                                  [float('nan'), 0, 2, 2, 0]])
def test_boxes_without_area_overlap_nothing(dead):
    a = torch.tensor([dead, [0, 0, 2, 2, 0]], dtype=torch.float32)
    assert torch.equal(rotated_iou_bev(a, a), torch.diag(torch.tensor([0.0, 1.0])))


def test_wrong_tables_are_named():
    with pytest.raises(ValueError, match=r'\[N, 5\], not \[2, 7\]'):
        rotated_iou_bev(torch.zeros(2, 7), torch.zeros(2, 5))
    with pytest.raises(ValueError, match='in pairs, not 2 and 3'):
        rotated_iou_3d_aligned(torch.zeros(2, 7), torch.zeros(3, 7))
    with pytest.raises(BackendUnavailable, match='no backend'):
        rotated_iou_bev(torch.zeros(2, 5), torch.zeros(2, 5), backend='cuda')


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs an NVIDIA GPU')
@pytest.mark.parametrize('dtype', [torch.float64, torch.float32])
def test_gpu_agrees_with_the_cpu(dtype):
    a, b = random_boxes(300, dtype=dtype), random_boxes(200, dtype=dtype)
    torch.testing.assert_close(rotated_iou_bev(a.cuda(), b.cuda()).cpu(), rotated_iou_bev(a, b),
                               rtol=0, atol=TOLERANCE[dtype])


@pytest.mark.parametrize('labeled', [False, True])
def test_pairs_of_one_table_are_the_later_half_of_all(labeled, monkeypatch):
    monkeypatch.setattr(rotated_iou, 'TEMPORARY', {'cpu': 200})  # many parts
    boxes = torch.rand(61, 5) * torch.tensor([30.0, 30, 5, 5, 6])
    labels = torch.randint(0, 2, (61,)) if labeled else None
    first, second = close_pairs(boxes, boxes)
    kept = first < second
    if labeled:
        kept &= labels[first] == labels[second]
    found = rotated_iou.close_pairs_within(boxes, labels)
    assert torch.equal(found[0], first[kept]) and torch.equal(found[1], second[kept])
    assert 0 < len(found[0]) < 1830
    assert rotated_iou.close_pairs_within(boxes[:0], None)[0].shape == (0,)


@pytest.mark.parametrize('overlaps', [rotated_iou_bev, rotated_iou_3d])
def test_a_whole_table_as_on_a_gpu_is_that_of_the_close_pairs(overlaps, monkeypatch):
    width = 5 if overlaps is rotated_iou_bev else 7
    a, b = (torch.rand(count, width) * 6 for count in (40, 30))
    a[0] = torch.nan
    a.requires_grad_()
    expected = overlaps(a, b)
    gradient, = torch.autograd.grad(expected.sum(), a)
    monkeypatch.setattr(rotated_iou, 'WHOLE_TABLE', {'cpu': 1200})
    monkeypatch.setattr(rotated_iou, 'close_pairs', None)
    found = overlaps(a, b)
    assert torch.equal(found, expected) and (found > 0).any()
    torch.testing.assert_close(torch.autograd.grad(found.sum(), a)[0][1:], gradient[1:])
    with pytest.raises(TypeError):
        overlaps(a, torch.cat([b, b]))  # a larger table asks for the close pairs
