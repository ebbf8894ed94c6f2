"""Candidates of the center head at their limits."""
from __future__ import annotations

import pytest
import torch

from dsvt.center_decoding import candidates
from sparse3d.models.center.bev_grid import BEVGrid
from sparse3d.models.center.box_coder import CenterBoxCoder
from sparse3d.models.center.predicted_iou import rectified_scores

CODER = CenterBoxCoder(BEVGrid((0.0, 0.0), (1.0, 1.0), (4, 2)), cosine_first=True)


def found(heat: list[float], quality: float = 0.0, **settings):
    """Candidates of a map whose first cells have some heat; boxes stand at their cells' corners."""
    maps = torch.zeros(1, 2, 4)
    maps[0, 0, :len(heat)] = torch.tensor(heat)
    return candidates(maps, torch.zeros(8, 2, 4), torch.full((2, 4), quality), CODER, **settings)


def test_a_score_of_exactly_the_threshold_is_left_out():
    assert found([0.5, 0.75, 0.25], score_threshold=0.5).scores.tolist() == [0.75]


def test_the_ends_of_the_range_belong_to_it():
    kept = found([0.9, 0.8, 0.7], center_range=(0, 0, 0, 1, 1, 1))
    assert kept.boxes[:, 0].tolist() == [0, 1] and kept.boxes[:, 3:6].eq(1).all()


@pytest.mark.parametrize(('said', 'quality'), [(-1.2, 0.0), (-1.0, 0.0), (0.0, 0.5), (1.3, 1.0)])
def test_the_quality_stays_between_0_and_1_and_the_score_finite(said, quality):
    kept = found([0.9], said)
    assert kept.quality.tolist() == [quality]
    rectified = rectified_scores(kept.scores, kept.quality, 0.5)
    assert rectified.item() == pytest.approx((0.9 * quality) ** 0.5)
