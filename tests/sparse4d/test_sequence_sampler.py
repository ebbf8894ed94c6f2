"""Order of samples: what a slot walks through, resumed, spread over processes, refused."""
from __future__ import annotations

import pickle
from types import SimpleNamespace

import numpy as np
import pytest
from torch.utils.data import DataLoader, Dataset

from sparse3d.errors import ConfigError
from sparse3d.transforms.epoch_sampler import IndexWith
from sparse4d.sequence_augmentation import KEY
from sparse4d.sequence_sampler import SequenceBatchSampler, SequenceSampler, sequence_groups


class Frames(Dataset):
    """Samples that say what they were asked with."""

    def __init__(self, lengths=(8, 8, 8, 6)) -> None:
        self.scenes = np.repeat(np.arange(len(lengths)), lengths)
        draw = SimpleNamespace(draw_for_sequence=lambda random: random.uniform())
        self.pipeline = SimpleNamespace(transforms=[object(), draw])
        self.epochs = []

    def set_epoch(self, epoch, seed):
        self.epochs.append((epoch, seed))

    def __len__(self):
        return len(self.scenes)

    def __getitem__(self, index):
        return int(index), float(index.known[KEY])


def batches(sampler: SequenceBatchSampler, epoch: int) -> list[list[int]]:
    sampler.sampler.set_epoch(epoch)
    return [[int(index) for index in batch] for batch in sampler]


def made(batch_size=2, seed=5, **options) -> SequenceBatchSampler:
    return SequenceBatchSampler(SequenceSampler(Frames(), seed=seed, **options), batch_size)


def test_a_short_scene_is_cut_into_fewer_parts():
    assert sequence_groups(['a', 'a', 'a', 'b'], 2) == [[0, 1], [2], [3]]
    assert sequence_groups([], 2) == []


def test_a_resumed_training_goes_on_where_it_was():
    whole, resumed = made(), made()
    epochs = [batches(whole, epoch) for epoch in range(4)]
    assert len({str(epoch) for epoch in epochs}) == 4
    assert batches(resumed, 2) == epochs[2] and batches(resumed, 3) == epochs[3]
    assert batches(resumed, 1) == epochs[1]


def test_an_epoch_that_was_broken_off_begins_again():
    sampler = made()
    expected = batches(sampler, 0)
    broken = iter(sampler)
    next(broken)
    assert batches(sampler, 0) == expected


def test_frames_of_a_sequence_follow_each_other_and_have_one_augmentation():
    sampler = made(batch_size=1, reverse=0.0, skip=0.0, parts=1)
    scenes, last = sampler.sampler.dataset.scenes, None
    for _ in range(3):
        for batch in sampler:
            index, = batch
            if last is not None and scenes[index] == scenes[last] and index:
                assert index == last + 1 and index.known == last.known
            last = index
        sampler.sampler.epoch += 1


def test_an_index_carries_what_is_known_through_worker_processes():
    index = pickle.loads(pickle.dumps(IndexWith(3, color='red')))
    assert (index, index.known) == (3, dict(color='red'))
    sampler = made()
    expected = [[(int(index), index.known[KEY]) for index in batch] for batch in sampler]
    found = list(DataLoader(sampler.sampler.dataset, batch_sampler=sampler, num_workers=1,
                            collate_fn=list))
    assert found == expected


def test_the_data_set_hears_of_epochs():
    sampler = made(seed=7)
    batches(sampler, 2)
    assert sampler.sampler.dataset.epochs == [(0, 7), (2, 7)]


@pytest.mark.parametrize(('options', 'said'), [
    (dict(parts=0), 'at least 1 sequence, not 0'), (dict(skip=1.5), 'skip of SequenceSampler'),
    (dict(parts=1.5), 'at least 1 sequence, not 1.5'),
    (dict(skip='half'), "skip of SequenceSampler is a probability, not 'half'"),
    (dict(seed=-1), 'seed of SequenceSampler is -1; give a whole number from 0'),
    (dict(random_seed=2.5), 'random_seed of SequenceSampler is 2.5'),
    (dict(reverse=-1), 'reverse of SequenceSampler')])
def test_what_cannot_be_meant(options, said):
    with pytest.raises(ConfigError, match=said):
        made(**options)


def test_a_data_set_without_scenes_too_few_sequences_and_other_samplers():
    with pytest.raises(ConfigError, match='which samples follow'):
        SequenceSampler([1, 2, 3])
    with pytest.raises(ConfigError, match='8 sequences for 9 samples'):
        next(iter(made(batch_size=9)))
    with pytest.raises(ConfigError, match='fewer than the 40'):
        made(batch_size=40)
    with pytest.raises(ConfigError, match='goes with SequenceSampler'):
        SequenceBatchSampler([1, 2], 1)
