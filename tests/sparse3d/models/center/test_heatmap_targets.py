"""Heat maps of a whole batch against mmdet3d's way, object by object."""
from __future__ import annotations

import pytest
import torch
from mmdet3d.models.utils import draw_heatmap_gaussian
from mmdet3d.models.utils import gaussian_radius as radius_of_mmdet3d

from sparse3d.models.center import heatmap_targets as kit
from sparse3d.models.center.bev_grid import BEVGrid
from sparse3d.models.center.heatmap_targets import (
    Drawing,
    drawn_radii,
    gaussian_std,
    heatmap_targets,
    objects_on_map,
)

GRID = BEVGrid((-8.0, -4.0), (0.5, 0.25), (32, 32))
BOX = [1.3, 0.2, 0.5, 4.0, 2.0, 1.5, 0.7]


def scene(seed: int, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    boxes = torch.rand(count, 7, generator=random) * torch.tensor([20, 10, 2, 9, 4, 2, 6.0])
    boxes[:, :2] -= torch.tensor([10.0, 5.0])
    boxes[::5, 3] = 0  # without an area
    return boxes, torch.randint(-1, 4, (count,), generator=random)


@pytest.mark.parametrize('truncate', [False, True])
def test_a_batch_is_drawn_as_mmdet3d_draws_object_by_object(truncate):
    samples = [scene(0, 40), scene(1, 0), scene(2, 7)]
    drawing = Drawing(0.2, 1, truncate=truncate)
    found = heatmap_targets(*zip(*samples, strict=True), GRID, 3, drawing)
    expected = torch.zeros(3, 3, 32, 32)
    for sample, (boxes, labels) in enumerate(samples):
        for box, label in zip(boxes, labels.tolist(), strict=True):
            place = (box[:2] - torch.tensor(GRID.origin)) / torch.tensor(GRID.cell)
            cell = (place.trunc() if truncate else place.floor()).long()
            size = box[3:5] / torch.tensor(GRID.cell)
            if not 0 <= label < 3 or (size <= 0).any() or (cell < 0).any() or (cell >= 32).any():
                continue
            radius = max(1, int(radius_of_mmdet3d(tuple(size), 0.2)))
            draw_heatmap_gaussian(expected[sample, label], cell, radius)
    assert 5 < (expected == 1).sum() < 40
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-7)


def test_the_host_waits_for_a_batch_and_not_for_objects(monkeypatch):
    waits = []
    nonzero = torch.Tensor.nonzero
    monkeypatch.setattr(torch.Tensor, 'nonzero',
                        lambda self, **kw: waits.append(1) or nonzero(self, **kw))
    monkeypatch.setattr(kit, 'draw_gaussians', lambda *given: waits.append(1) or given[0])
    counts = []
    for count in (3, 90):
        waits.clear()
        heatmap_targets(*zip(*[scene(0, count)] * 4, strict=True), GRID, 3)
        counts.append(len(waits))
    assert counts == [2, 2]


def test_the_first_objects_of_each_sample_that_can_be_drawn_count():
    boxes = torch.tensor([BOX, [99.0, *BOX[1:]], BOX, BOX])
    labels = torch.tensor([0, 0, 1, 2])
    found = objects_on_map([boxes, boxes[:1]], [labels, labels[:1]], GRID, 3, max_objects=2)
    assert found.labels.tolist() == [0, 1, 0] and found.sample.tolist() == [0, 0, 1]
    assert found.cells[0].tolist() == [18, 16]
    assert found.index.tolist() == [16 * 32 + 18] * 2 + [32 * 32 + 16 * 32 + 18]


def test_an_object_in_front_of_the_map_counts_only_where_places_are_truncated():
    outside = torch.tensor([[-8.1, *BOX[1:]]])
    for truncate, number in ((False, 0), (True, 1)):
        found = objects_on_map([outside], [torch.tensor([0])], GRID, 3, Drawing(truncate=truncate))
        assert len(found.boxes) == number


def test_radii_and_widths():
    boxes = torch.tensor([[0, 0, 0, 10.0, 3.0, 1, 0], BOX])
    expected = [max(2, int(radius_of_mmdet3d((box[3] / 0.5, box[4] / 0.25), 0.1)))
                for box in boxes]
    radii = drawn_radii(boxes, GRID)
    assert radii.tolist() == expected
    assert gaussian_std(radii).tolist() == pytest.approx([(2 * radius + 1) / 6
                                                          for radius in expected])
