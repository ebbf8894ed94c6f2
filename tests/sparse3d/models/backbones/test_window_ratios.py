"""Ratios of windows: what is refused, how many windows stay, what the blocks cost."""
from __future__ import annotations

import pytest

from sparse3d.errors import ConfigError
from sparse3d.models.backbones.window_ratios import (
    SwinShape,
    block_macs,
    checked_ratios,
    kept_windows,
)

DEPTHS = (2, 2, 6, 2)
DENSE = checked_ratios(None, DEPTHS)


@pytest.mark.parametrize(('windows', 'ratio', 'kept', 'published'), [
    (10, .8, 2, 1), (260, .8, 52, 51), (10, .9, 1, 0), (128, .6, 51, 51), (8, .4, 4, 4),
    (2, .8, 1, 0), (21, .3, 14, 14)])
def test_windows_that_stay(windows, ratio, kept, published):
    assert kept_windows(windows, ratio) == kept
    assert kept_windows(windows, ratio, truncated=True) == published


def test_none_leaves_nothing_out():
    assert DENSE == [[0, 0], [0, 0], [0] * 6, [0, 0]]


@pytest.mark.parametrize(('ratios', 'told'), [
    ([[0, 0]], 'ratios has 1 stages, the backbone 4'),
    ([[0], [0, 0], [0] * 6, [0, 0]], r'ratios of stage 1 are \[0\], and the stage has 2 blocks'),
    ([.5, [0, 0], [0] * 6, [0, 0]], 'ratios of stage 1 are 0.5'),
    ([[0, 1], [0, 0], [0] * 6, [0, 0]], 'block 2 of stage 1 is 1; give the share'),
    ([[0, 0], [-.1, 0], [0] * 6, [0, 0]], 'block 1 of stage 2 is -0.1'),
    ([[0, 0], [0, float('nan')], [0] * 6, [0, 0]], 'block 2 of stage 2 is nan'),
    (.5, 'ratios is 0.5; give a list of ratios for each of the 4 stages'),
    ('none', "ratios is 'none'"), ([None, [0, 0], [0] * 6, [0, 0]], 'stage 1 are None'),
    ([[0, 0], [0, 0], [.4, .4, .2, .4, .5, .5], [0, 0]],
     r'stage 3 fall from 0.4 \(block 1\) to 0.2 \(block 3\)')])
def test_ratios_that_cannot_be(ratios, told):
    with pytest.raises(ConfigError, match=told):
        checked_ratios(ratios, DEPTHS)


def test_a_partition_that_has_not_pruned_yet_may_stay_dense():
    stage = [.5, 0, .5, 0, .5, .3]
    assert checked_ratios([[0, 0], [0, 0], stage, [0, 0]], DEPTHS)[2] == stage


# Shares of the dense blocks' multiplications as published settings have them, in percent.
@pytest.mark.parametrize(('of_stages', 'square', 'wide'), [
    ((.3, 0, (.1, .2, .2), 0), 86, 86), ((.6, 0, (.2, .4, .5), 0), 71, 72),
    ((.7, 0, (.2, .4, .5), 0), 69, 71)])
def test_shares_of_the_published_settings(of_stages, square, wide):
    first, second, third, fourth = of_stages
    ratios = [[first] * 2, [second] * 2, [one for one in third for _ in range(2)], [fourth] * 2]
    for size, percent in (((672, 672), square), ((256, 704), wide)):
        share = block_macs(SwinShape(), size, ratios) / block_macs(SwinShape(), size, DENSE)
        assert round(100 * share) == percent


def test_multiplications_by_hand():
    shape = SwinShape(channels=2, depths=(2,), strides=(4,), window=2)
    # 16 x 8 pixels: 4 x 2 tokens, two windows of four; a token: 12 * 4 + 2 * 4 * 2.
    assert block_macs(shape, (16, 8), [[0, 0]]) == 2 * 2 * 4 * 64
    assert block_macs(shape, (16, 8), [[0, .5]]) == 3 * 4 * 64
