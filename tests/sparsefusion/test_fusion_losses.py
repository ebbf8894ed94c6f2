"""Losses of a batch with a sample that has no points: those of the sample that has."""
from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from mmdet3d.structures import LiDARInstance3DBoxes
from mmengine.structures import InstanceData

from sparse3d.models.heads.transfusion_box_coder import TransFusionBoxCoder
from sparse3d.models.heads.transfusion_targets import QueryTargets
from sparsefusion.fusion_losses import FusionLosses, _without_invalid
from sparsefusion.view_objects import ViewObjects

RANGE = (-8.0, -8.0, -3.0, 8.0, 8.0, 1.0)
BOX = torch.tensor([[2.0, 1.0, -1.0, 4.0, 2.0, 1.5, 0.3, 0.0, 0.0]])


@pytest.fixture
def losses() -> FusionLosses:
    return FusionLosses(TransFusionBoxCoder(RANGE, (0.5, 0.5), 1), num_classes=2, image_stride=4)


def output(valid: list[bool]) -> SimpleNamespace:
    """Maps of samples, all alike; one view of two levels."""
    batch, cells = len(valid), 8 * 16 + 4 * 8
    random = torch.Generator().manual_seed(0)
    heat = torch.randn(1, 2, 32, 32, generator=random).expand(batch, -1, -1, -1)
    of_views = torch.randn(1, 2, 1, cells, generator=random).expand(batch, -1, -1, -1)
    pyramid = SimpleNamespace(levels=[torch.zeros(batch, 4, 8, 16), torch.zeros(batch, 4, 4, 8)],
                              padding=torch.zeros(batch, cells, dtype=torch.bool))
    return SimpleNamespace(pyramid=pyramid, transferred=SimpleNamespace(heat=heat),
                           camera=SimpleNamespace(heat=of_views), valid=torch.tensor(valid))


def heat_losses(losses: FusionLosses, valid: list[bool]) -> dict[str, float]:
    objects = InstanceData(bboxes_3d=LiDARInstance3DBoxes(BOX, box_dim=9),
                           labels_3d=torch.tensor([1]))
    truth = [(objects.bboxes_3d.tensor, objects.labels_3d)] * len(valid)
    nothing = ViewObjects(*(torch.zeros(0, dtype=torch.long) for _ in range(3)),
                          torch.zeros(0, 2), torch.zeros(0), torch.zeros(0, 2), torch.zeros(0, 9))
    rig = SimpleNamespace(views=1, valid=torch.ones(len(valid), 1, dtype=torch.bool))
    return {name: value.item() for name, value in losses._heat_losses(
        output(valid), truth, [nothing] * len(valid), rig).items()}


def test_the_map_of_a_sample_without_points_teaches_nothing_and_its_objects_do_not_count(losses):
    alone = heat_losses(losses, [True])
    beside = heat_losses(losses, [True, False])
    assert beside['loss_heatmap'] == pytest.approx(alone['loss_heatmap'], rel=1e-6)
    assert alone['loss_heatmap'] > 0
    # Both samples have images.
    assert beside['loss_heatmap_2d'] == pytest.approx(2 * alone['loss_heatmap_2d'], rel=1e-6)


def test_nothing_is_asked_of_the_queries_of_a_sample_without_points():
    targets = QueryTargets(torch.zeros(2, 3, dtype=torch.long), torch.ones(2, 3),
                           torch.ones(2, 3, 10), torch.ones(2, 3, 10), torch.zeros(2, 3),
                           torch.tensor([3, 2]))
    left = _without_invalid(targets, torch.tensor([True, False]))
    assert left.label_weights.tolist() == [[1, 1, 1], [0, 0, 0]]
    assert left.code_weights[0].eq(1).all() and left.code_weights[1].eq(0).all()
    assert left.positives.tolist() == [3, 0]
