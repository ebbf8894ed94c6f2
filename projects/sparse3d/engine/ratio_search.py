"""Evolutionary search for the ratios of windows that keep the score at a limited cost."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from sparse3d.engine.ratio_space import Numbers, RatioSpace
from sparse3d.errors import ConfigError


@dataclass(frozen=True)
class SearchSettings:
    """How long and how wide is searched; as published, but for the number of generations.

    Attributes:
        limits: lowest and highest cost of a candidate.
        generations: after the first, random one.
        population: candidates of a generation.
        parents: the best so far, whose children the next ones are.
        max_draws: draws in a row that may miss the limits.
        seed: of all draws.

    Raises:
        ConfigError: for numbers that no search can have.
    """

    limits: tuple[float, float]
    generations: int = 10
    population: int = 100
    parents: int = 25
    max_draws: int = 10_000
    seed: int = 0


    def __post_init__(self) -> None:
        lowest, highest = self.limits
        if not lowest <= highest:
            raise ConfigError(f'the limits are {lowest:g} and {highest:g}; give the lower cost '
                              f'first')
        if min(self.population, self.parents) < 1:
            raise ConfigError(f'a search needs a population and parents of 1 or more, not '
                              f'{self.population} and {self.parents}')
        if min(self.generations, self.seed) < 0:
            raise ConfigError(f'generations is {self.generations} and seed {self.seed}; give 0 or '
                              f'more')


@dataclass
class Candidate:
    """Ratios that were looked at.

    Attributes:
        numbers: see :class:`RatioSpace`.
        cost: in the unit of the limits.
        score: None where the cost lies beyond the limits.
    """

    numbers: Numbers
    cost: float
    score: float | None = None


@dataclass
class EvolutionarySearch:
    """Finds the ratios with the highest score within limits of cost.

    Half of a generation are parents with numbers drawn anew, half are crossed from two parents.
    All draws follow from the seed, and what ``known`` holds is not measured again: a search that
    starts anew with what was measured before goes the same way, quickly, and then on.

    Args:
        space: of the ratios.
        settings: see there.
        cost: of ratios, cheap.
        score: of ratios, higher is better.
        known: candidates by their numbers; grows.
        on_candidate: called whenever ``known`` has grown by a candidate with a score.

    Source: SparseViT (CVPR 2023), section 3.2.
    """

    space: RatioSpace
    settings: SearchSettings
    cost: Callable[[Numbers], float]
    score: Callable[[Numbers], float]
    known: dict[Numbers, Candidate] = field(default_factory=dict)
    on_candidate: Callable[[], None] = lambda: None

    def run(self) -> Candidate:
        """The best candidate of all generations.

        Raises:
            ConfigError: if no ratios lie within the limits, or none of these are drawn.
        """
        self._refuse_limits_out_of_reach()
        rng = np.random.default_rng(self.settings.seed)
        population = self._generation(lambda number: self.space.draw(rng))
        for _ in range(self.settings.generations):
            parents = self._best(population)
            half = self.settings.population // 2

            def child(number: int, parents: list[Candidate] = parents, half: int = half) -> Numbers:
                one, other = (parents[rng.integers(len(parents))].numbers for _ in range(2))
                return self.space.mutated(one, rng) if number < half else self.space.crossed(
                    one, other, rng)
            population = [*parents, *self._generation(child)]
        return self._best(population)[0]

    def _refuse_limits_out_of_reach(self) -> None:
        """Or thousands of draws would be measured in vain."""
        lowest, highest = self.settings.limits
        if any(lowest <= one.cost <= highest for one in self.known.values()):
            return
        least, dense = (self.cost(self.space.everywhere(ratio)) for ratio in (
            max(self.space.ratios), min(self.space.ratios)))
        if highest < least or lowest > dense:
            raise ConfigError(f'no ratios have a cost between {lowest:g} and {highest:g}: it is '
                              f'{dense:.4g} with the fewest windows left out and {least:.4g} with '
                              f'the most; set the limits there')

    def _generation(self, draw: Callable[[int], Numbers]) -> list[Candidate]:
        return [self._within_limits(lambda number=number: draw(number))
                for number in range(self.settings.population)]

    def _within_limits(self, draw: Callable[[], Numbers]) -> Candidate:
        lowest, highest = self.settings.limits
        for _ in range(self.settings.max_draws):
            numbers = draw()
            found = self.known.get(numbers) or Candidate(numbers, self.cost(numbers))
            self.known[numbers] = found
            if lowest <= found.cost <= highest:
                if found.score is None:
                    found.score = self.score(numbers)
                    self.on_candidate()
                return found
        raise ConfigError(f'{self.settings.max_draws} draws of ratios gave no cost between '
                          f'{lowest:g} and {highest:g}; costs of {self._range()} were seen: set '
                          f'the limits there')

    def _range(self) -> str:
        costs = [candidate.cost for candidate in self.known.values()]
        return f'{min(costs):.4g} to {max(costs):.4g}'

    def _best(self, population: list[Candidate]) -> list[Candidate]:
        """The parents, each once; equal scores by the lower cost."""
        different = {candidate.numbers: candidate for candidate in population}.values()
        ordered = sorted(different, key=lambda one: (-(one.score or 0.0), one.cost, one.numbers))
        return ordered[:self.settings.parents]
