"""The evolutionary search on a toy: it finds the best within the limits, and goes on as it was."""
from __future__ import annotations

import pytest

import sparse3d.register  # noqa: F401  (registers the core)
from sparse3d.engine.ratio_search import Candidate, EvolutionarySearch, SearchSettings
from sparse3d.engine.ratio_space import RatioSpace
from sparse3d.errors import ConfigError

SPACE = RatioSpace((2, 2, 2))
WEIGHTS = (1., 4., 2.)  # what a ratio in each stage takes from the score


def cost(numbers):
    return 1 - sum(numbers) / 3


def score(numbers):
    return -sum(weight * number for weight, number in zip(WEIGHTS, numbers, strict=True))


def search(generations=8, known=None, **more):
    settings = SearchSettings((.4, .6), generations, population=20, parents=5, **more)
    return EvolutionarySearch(SPACE, settings, cost, score, {} if known is None else known)


def test_it_finds_the_best():
    best = search().run()
    # 1.2 of ratios must be spent: 0.8 where it harms least, 0.4 where it harms second least.
    assert best.numbers == (.8, 0, .4) and .4 <= best.cost <= .6


def test_later_generations_are_better():
    # One random generation against many that descend from it.
    assert search(8).run().score > search(0).run().score


def test_what_is_known_is_not_measured_again():
    first = search()
    best = first.run()
    again = search(known={numbers: one for numbers, one in first.known.items()})
    again.score = again.cost = None  # called, they would raise
    assert again.run() == best
    some = dict(list(first.known.items())[:7])
    resumed = search(known=some)
    assert resumed.run() == best and resumed.known == first.known


def test_only_candidates_within_the_limits_are_scored():
    one = search()
    told = []
    one.on_candidate = lambda: told.append(len(one.known))
    one.run()
    scored = [each for each in one.known.values() if each.score is not None]
    assert len(told) == len(scored) < len(one.known)
    assert all(.4 <= each.cost <= .6 for each in scored)


def test_limits_that_nothing_meets():
    settings = SearchSettings((.501, .502), max_draws=50)
    with pytest.raises(ConfigError, match=r'50 draws .* between 0.501 and 0.502; costs of 0\.'):
        EvolutionarySearch(SPACE, settings, cost, score).run()


@pytest.mark.parametrize('limits', [(.01, .02), (20., 25.)])
def test_limits_out_of_reach_are_told_by_two_costs(limits):
    """With costs that are measured, thousands of draws would take hours."""
    measured = []
    with pytest.raises(ConfigError, match='it is 1 with the fewest .* and 0.2 with the most'):
        EvolutionarySearch(SPACE, SearchSettings(limits),
                           lambda numbers: measured.append(numbers) or cost(numbers), score).run()
    assert measured == [(.8, ) * 3, (0, ) * 3]


@pytest.mark.parametrize('wrong, told', [
    (dict(limits=(.8, .5)), 'limits are 0.8 and 0.5; give the lower cost first'),
    (dict(limits=(float('nan'), 1)), 'the limits are nan'),
    (dict(limits=(0, 1), population=0, parents=5), '1 or more, not 0 and 5'),
    (dict(limits=(0, 1), generations=-1), 'generations is -1'),
    (dict(limits=(0, 1), seed=-1), 'seed -1')])
def test_settings_that_no_search_can_have(wrong, told):
    with pytest.raises(ConfigError, match=told):
        SearchSettings(**wrong)


def test_equal_scores_go_by_cost():
    one = search()
    order = one._best([Candidate((0, 0, 0), .6, 1.), Candidate((.1, 0, 0), .5, 1.),
                       Candidate((0, .1, 0), .5, 2.), Candidate((0, 0, 0), .6, 1.)])
    assert [each.numbers for each in order] == [(0, .1, 0), (.1, 0, 0), (0, 0, 0)]
