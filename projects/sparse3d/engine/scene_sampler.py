"""A test set in which whole scenes go to processes: a model may remember the frame before."""
from __future__ import annotations

from collections.abc import Iterator, Sequence, Sized
from itertools import pairwise
from typing import Any

from mmdet3d.registry import DATA_SAMPLERS
from mmengine.dist import get_dist_info
from torch.utils.data import Sampler

from sparse3d.errors import ConfigError


def scene_bounds(scenes: Sequence[Any]) -> list[tuple[int, int]]:
    """First sample of each scene, and the one behind its last; samples of a scene follow each
    other."""
    edges = [row for row, scene in enumerate(scenes) if not row or scene != scenes[row - 1]]
    return list(pairwise([*edges, len(scenes)]))


def dealt_out(bounds: Sequence[tuple[int, int]], processes: int) -> list[list[tuple[int, int]]]:
    """Scenes for each process, the longest first to who has least, each one's in their order."""
    hands: list[list[tuple[int, int]]] = [[] for _ in range(processes)]
    for scene in sorted(bounds, key=lambda scene: (scene[0] - scene[1], scene[0])):
        min(hands, key=lambda hand: sum(stop - start for start, stop in hand)).append(scene)
    return [sorted(hand) for hand in hands]


@DATA_SAMPLERS.register_module()
class SceneSampler(Sampler):
    """The samples of whole scenes, in order; no sample is given twice.

    Args:
        dataset: has ``scenes``, the scene of each sample.

    Raises:
        ConfigError: if it has none.
    """

    def __init__(self, dataset: Sized, seed: int | None = None) -> None:
        scenes = getattr(dataset, 'scenes', None)
        if scenes is None:
            raise ConfigError(f'SceneSampler needs a data set that says which samples follow each '
                              f'other (scenes), not {type(dataset).__name__}; take '
                              f"sampler=dict(type='DefaultSampler', shuffle=False)")
        rank, processes = get_dist_info()
        bounds = scene_bounds(list(scenes))
        self.indices = [row for start, stop in dealt_out(bounds, processes)[rank]
                        for row in range(start, stop)]

    def __iter__(self) -> Iterator[int]:
        return iter(self.indices)

    def __len__(self) -> int:
        return len(self.indices)

    def set_epoch(self, epoch: int) -> None:
        """A test has one epoch."""
