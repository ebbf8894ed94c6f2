"""Which cells lie in boxes of which group."""
from __future__ import annotations

import torch

from safdnet.diffusion_targets import diffusion_losses, diffusion_targets
from sparse3d.models.center.bev_grid import BEVGrid

GRID = BEVGrid((0.0, 0.0), (1.0, 1.0), (20, 20))


def test_centers_of_cells_in_turned_boxes_whatever_their_height():
    where = torch.tensor([[0, 5, 5], [0, 5, 7], [0, 7, 5], [1, 5, 5]], dtype=torch.int32)
    boxes = [torch.tensor([[5.5, 5.5, 90.0, 5, 1, 1, 0], [5.5, 5.5, 0, 5, 1, 1, torch.pi / 2]]),
             torch.zeros(0, 7)]
    found = diffusion_targets(where, boxes, [torch.tensor([2, 0]), torch.zeros(0).long()], GRID,
                              [[0, 1], [2]])
    assert found.tolist() == [[True, True], [False, True], [True, False], [False, False]]


def test_a_center_on_the_side_of_a_box_is_inside():
    where = torch.tensor([[0, 5, 5]], dtype=torch.int32)
    box = [torch.tensor([[6.5, 5.5, 0, 2, 2, 1, 0]])]
    assert diffusion_targets(where, box, [torch.tensor([0])], GRID, [[0]]).all()


def test_without_an_object_the_loss_is_a_sum():
    logits = torch.zeros(10, 1)
    nothing = torch.zeros(10, 1, dtype=torch.bool)
    once = diffusion_losses(logits[:5], nothing[:5], nothing[:5])['loss_diffusion_0']
    twice = diffusion_losses(logits, nothing, nothing)
    torch.testing.assert_close(twice['loss_diffusion_0'], 2 * once)
    assert twice['diffusion_recall_0'] == 0
