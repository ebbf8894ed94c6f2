"""Whole scenes go to processes."""
from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from sparse3d.engine.scene_sampler import SceneSampler, dealt_out, scene_bounds
from sparse3d.errors import ConfigError


class Scenes(SimpleNamespace):
    def __len__(self) -> int:
        return len(self.scenes)


@pytest.mark.parametrize('processes', [1, 2, 3, 5])
def test_every_sample_once_and_no_scene_in_two_processes(monkeypatch, processes):
    lengths = [4, 1, 7, 3]
    dataset = Scenes(scenes=np.repeat(np.arange(4), lengths))
    hands = []
    for rank in range(processes):
        monkeypatch.setattr('sparse3d.engine.scene_sampler.get_dist_info',
                            lambda rank=rank: (rank, processes))
        sampler = SceneSampler(dataset)
        assert list(sampler) == sorted(sampler) and len(list(sampler)) == len(sampler)
        hands.append(list(sampler))
    assert sorted(sum(hands, [])) == list(range(15))
    owners = [{int(dataset.scenes[row]) for row in hand} for hand in hands]
    assert sum(map(len, owners)) == 4
    assert max(map(len, hands)) <= max(7, -(-15 // processes) + 1)


def test_scenes_end_where_the_name_changes():
    assert scene_bounds(['a', 'a', 'b', 'a']) == [(0, 2), (2, 3), (3, 4)]
    assert scene_bounds([]) == [] and dealt_out([], 2) == [[], []]


def test_a_data_set_without_scenes_is_refused():
    with pytest.raises(ConfigError, match='says which samples follow each other'):
        SceneSampler(range(3))
