"""Windows of a map, their scores and their ranking, worked by hand."""
from __future__ import annotations

import torch

import sparse3d.register  # noqa: F401  (registers the core)
from sparse3d.models.backbones.window_pruning import (
    StageRanking,
    attention_mask,
    rank_windows,
    token_activation,
    window_grid,
    window_scores,
)

CPU = torch.device('cpu')


def test_tokens_of_the_plain_partition_by_hand():
    grid = window_grid(2, 3, 2, 0, CPU)
    assert grid.tokens.tolist() == [[0, 1, 3, 4], [2, -1, 5, -1]] and grid.areas is None


def test_tokens_of_the_shifted_partition_agree_with_rolling_a_map():
    height, width, size, shift = 9, 16, 7, 3
    grid = window_grid(height, width, size, shift, CPU)
    values = torch.nn.functional.pad(torch.arange(1., height * width + 1).view(height, width),
                                     (0, 5, 0, 5))
    rolled = torch.roll(values, (-shift, -shift), (0, 1))
    windows = rolled.unfold(0, size, size).unfold(1, size, size).reshape(-1, size * size)
    assert torch.equal(grid.tokens + 1, windows.long())


def test_attention_reaches_over_no_seam():
    """Tokens that only the roll made neighbors do not see each other; the mask is mmdet's."""
    grid = window_grid(14, 14, 7, 3, CPU)
    mask = attention_mask(grid.areas)
    assert (mask[0] == 0).all()  # the first window has no seam
    rows = grid.tokens // 14
    apart = (rows[2][:, None] >= 7) != (rows[2][None] >= 7)
    assert (mask[2][apart] == -100).all() and (mask[2][~apart] == 0).all()


def test_scores_by_hand():
    features = torch.tensor([[[3., -1.], [0., 0.], [4., 0.], [0., 2.], [0., 0.], [1., 1.]]])
    activation = token_activation(features)
    assert activation.tolist() == [[2, 0, 2, 1, 0, 1]]
    scores = window_scores(activation, window_grid(2, 3, 2, 0, CPU))
    torch.testing.assert_close(scores, torch.tensor([[5 ** .5, 5 ** .5]]))


def test_ties_stay_in_order_and_half_precision_is_summed_in_float32():
    assert rank_windows(torch.tensor([[1., 3., 3., 2., 3.]])).tolist() == [[1, 2, 4, 3, 0]]
    half = torch.full((1, 4, 8), 300., dtype=torch.float16)  # squares overflow float16
    assert window_scores(token_activation(half), window_grid(2, 2, 2, 0, CPU)).tolist() == [[600.]]


def test_later_blocks_keep_a_part_of_what_earlier_ones_kept():
    grid = window_grid(4, 8, 2, 0, CPU)
    ranking = StageRanking(torch.rand(3, 32))
    first, later = (ranking.best(grid, False, ratio, False) for ratio in (.3, .6))
    assert first.shape == (3, 5) and torch.equal(later, first[:, :3])


def test_images_ranked_together_and_absent_ones_last():
    grid = window_grid(2, 4, 2, 0, CPU)  # two windows an image
    activation = torch.tensor([[1., 2, 8, 8, 1, 2, 8, 8], [5.] * 8, [9.] * 8])
    of_each = StageRanking(activation).best(grid, False, .5, False)
    assert of_each.tolist() == [[1], [0], [0]]
    absent = torch.tensor([False, False, True])
    together = StageRanking(activation, 3, absent).best(grid, False, .5, False)
    assert together.tolist() == [[1, 2, 3]]


def test_a_grid_made_for_a_prediction_serves_training():
    with torch.inference_mode():
        grid = window_grid(11, 13, 7, 3, CPU)
    assert not grid.tokens.is_inference()
