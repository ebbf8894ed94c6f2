"""Codes of boxes by hand, and back."""
from __future__ import annotations

import pytest
import torch

from sparse3d.models.center.bev_grid import BEVGrid
from sparse3d.models.center.box_coder import CenterBoxCoder

GRID = BEVGrid((-8.0, -4.0), (0.5, 0.25), (32, 32))
BOXES = torch.tensor([[-7.0, 0.0, -1.0, 1.0, 1.0, 2.0, 0.0, 5.0, 6.0],
                      [3.3, 1.7, 0.2, 4.0, 1.6, 1.5, -2.5, 0.0, 0.5]])


def test_a_box_by_hand():
    code = CenterBoxCoder(GRID, velocity=True, height=0.5).encode(BOXES[:1])
    log_2 = torch.tensor(2.0).log().item()
    assert code[0].tolist() == pytest.approx([2, 16, 0, 0, 0, log_2, 0, 1, 5, 6])
    turned = CenterBoxCoder(GRID, cosine_first=True).encode(BOXES[:1], torch.tensor([[2, 15]]))
    assert turned[0].tolist() == pytest.approx([0, 1, -1, 0, 0, log_2, 1, 0])


@pytest.mark.parametrize('cosine_first', [False, True])
@pytest.mark.parametrize('height', [0.0, 0.5, 1.0])
def test_decoding_is_the_inverse_of_encoding(cosine_first, height):
    for velocity in (False, True):
        coder = CenterBoxCoder(GRID, velocity, cosine_first, height)
        boxes = BOXES if velocity else BOXES[:, :7]
        cells = GRID.to_cells(boxes[:, :2]).floor()
        torch.testing.assert_close(coder.decode(coder.encode(boxes)), boxes)
        torch.testing.assert_close(coder.decode(coder.encode(boxes, cells), cells), boxes)


def test_an_unknown_velocity_is_not_a_number_and_flat_boxes_are_finite():
    flat = BOXES[:, :7] * torch.tensor([1, 1, 1, 1, 1, 0, 1.0])
    code = CenterBoxCoder(GRID, velocity=True).encode(flat)
    assert code[:, 8:].isnan().all() and code[:, :8].isfinite().all()


def test_half_precision_is_decoded_in_float32():
    assert CenterBoxCoder(GRID).decode(torch.zeros(2, 8, dtype=torch.bfloat16)).dtype == \
        torch.float32
