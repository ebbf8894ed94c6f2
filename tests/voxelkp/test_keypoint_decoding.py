"""Decoding: by hand, few cells, empty frames, frames apart."""
from __future__ import annotations

import math

import pytest
import torch

from sparse3d.models.center.bev_grid import BEVGrid
from voxelkp.head_outputs import HeadOutputs
from voxelkp.keypoint_decoding import DecodingOptions, decode

GRID = BEVGrid((-8.0, -8.0), (0.8, 0.8), (20, 20))
OPTIONS = DecodingOptions(center_range=[-8, -8, -2, 8, 8, 4], max_candidates=500)


def outputs(cells: list[list[int]], heat: list[float], batch_size: int = 1,
            joints: int = 14) -> HeadOutputs:
    number = len(cells)
    zeros = torch.zeros(number, 1 + joints)
    return HeadOutputs(torch.tensor(cells).reshape(-1, 3).int(), batch_size, torch.tensor(heat),
                       zeros + 0.5, zeros + 0.25, zeros + 1.0, torch.zeros(number, 3),
                       torch.tensor([0.0, 1.0]).expand(number, 2), torch.zeros(number),
                       torch.full((number, joints), 1.5))


def test_by_hand():
    found, = decode(outputs([[0, 3, 10], [0, 15, 1]], [2.0, -2.0]), GRID, OPTIONS)
    assert found.boxes.tolist() == [pytest.approx(
        [0.4, -5.4, 1.0, 1, 1, 1, math.pi / 2], abs=1e-5)]
    score = 1 / (1 + math.exp(-2))
    assert found.scores.tolist() == pytest.approx([score ** 0.32 * 0.5 ** 0.68])
    assert found.joints[0, 5].tolist() == pytest.approx([0.4, -5.4, 1.0], abs=1e-5)
    assert found.visibility.shape == (1, 14)


def test_one_of_two_in_the_same_place_stays():
    given = outputs([[0, 3, 10], [0, 3, 11]], [2.0, 3.0])
    given.x[1] -= 1.0                              # the same meters
    found, = decode(given, GRID, OPTIONS)
    assert found.scores.tolist() == pytest.approx(
        [(1 / (1 + math.exp(-3))) ** 0.32 * 0.5 ** 0.68])


def test_outside_and_not_finite_are_left_out():
    given = outputs([[0, 3, 10], [0, 9, 9], [0, 15, 15]], [2.0, 2.0, 2.0])
    given.z[0] = 9.0
    given.size[1] = float('inf')
    found, = decode(given, GRID, OPTIONS)
    assert len(found.scores) == 1


def test_frames_have_any_number_of_cells():
    cells = [[0, 1, 1], [2, 5, 5], [2, 9, 9], [2, 13, 13]]
    together = decode(outputs(cells, [3.0] * 4, batch_size=4), GRID, OPTIONS)
    assert [len(found.scores) for found in together] == [1, 0, 3, 0]
    assert together[1].joints.shape == (0, 14, 3) and together[1].boxes.shape == (0, 7)
    few = DecodingOptions(center_range=OPTIONS.center_range, max_candidates=2)
    assert [len(found.scores) for found in decode(outputs(cells, [3.0] * 4, 4), GRID, few)] == [
        1, 0, 2, 0]
    most = DecodingOptions(center_range=OPTIONS.center_range, max_detections=1)
    assert len(decode(outputs(cells, [3.0] * 4, 4), GRID, most)[2].scores) == 1
    assert len(decode(outputs([], [], 1), GRID, OPTIONS)[0].scores) == 0


@pytest.mark.parametrize(('threshold', 'people'), [(0.5, 0), (0.499, 1)])
def test_a_score_of_exactly_the_threshold_is_nobody(threshold, people):
    options = DecodingOptions(OPTIONS.center_range, score_threshold=threshold)
    found, = decode(outputs([[0, 3, 10]], [0.0]), GRID, options)
    assert len(found.scores) == people


def test_a_predicted_overlap_beyond_its_range_counts_as_its_end():
    given = outputs([[0, 3, 10], [0, 15, 1]], [2.0, 2.0])
    given.iou[:] = torch.tensor([1.3, -1.2])
    found, = decode(given, GRID, OPTIONS)
    score = 1 / (1 + math.exp(-2))
    assert found.scores.tolist() == pytest.approx([score ** 0.32, 0.0])
