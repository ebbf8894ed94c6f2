"""The numbers that a search of ratios changes."""
from __future__ import annotations

import numpy as np

import sparse3d.register  # noqa: F401  (registers the core)
from sparse3d.engine.ratio_space import RATIOS, RatioSpace
from sparse3d.models.backbones.window_ratios import checked_ratios

SPACE = RatioSpace((2, 2, 6, 2))


def test_six_numbers_for_the_published_backbone():
    assert SPACE.sizes == (1, 1, 3, 1) and RATIOS == (0, .1, .2, .3, .4, .5, .6, .7, .8)
    assert SPACE.blocks((.6, 0, .2, .4, .5, .1)) == [
        [.6, .6], [0, 0], [.2, .2, .4, .4, .5, .5], [.1, .1]]
    assert RatioSpace((3,)).blocks((.1, .2)) == [[.1, .1, .2]]


def test_every_draw_is_allowed():
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(200):
        numbers = SPACE.mutated(SPACE.crossed(SPACE.draw(rng), SPACE.draw(rng), rng), rng, .5)
        checked_ratios(SPACE.blocks(numbers), SPACE.depths)
        seen.update(numbers)
    assert seen == set(RATIOS)


def test_mutation_and_crossing():
    rng = np.random.default_rng(0)
    start = (.1, .2, .3, .4, .5, .6)
    assert SPACE.mutated(start, rng, 0) == start
    changed = [sum(a != b for a, b in zip(SPACE.mutated(start, rng, .1), start, strict=True))
               for _ in range(300)]
    assert .3 < np.mean(changed) < 1
    crossed = {SPACE.crossed((0,) * 6, (.8,) * 6, rng) for _ in range(50)}
    assert len(crossed) > 10 and all(one[2] <= one[3] <= one[4] for one in crossed)
