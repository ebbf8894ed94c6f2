"""Train and validation set as one dataset."""
import numpy as np
import pytest

from sparse3d.errors import ConfigError
from sparse3d.transforms.class_balanced_dataset import ClassBalancedDataset
from sparse3d.transforms.epoch_sampler import EpochSampler, EpochState
from sparse3d.transforms.joined_dataset import JoinedDataset


class Frames:
    """Some frames of a split."""

    def __init__(self, split: str, count: int, classes=('car', 'bus')):
        self.metainfo = dict(classes=classes, stamp=dict(split=split))
        self.split, self.count, self.state = split, count, EpochState()

    def full_init(self):
        pass

    def set_epoch(self, epoch, seed):
        self.state.set(epoch, seed)

    def get_cat_ids(self, index):
        return {0 if self.split == 'train' else 1}

    def get_data_info(self, index):
        return dict(split=self.split, row=index)

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        with self.state.randomness_of(index):
            return dict(self.get_data_info(index), epoch=self.state.epoch, drawn=np.random.rand())


def test_one_part_follows_the_other():
    joined = JoinedDataset([Frames('train', 3), Frames('none', 0), Frames('val', 2)])
    places = [(item['split'], item['row']) for item in map(joined.get_data_info, range(5))]
    assert places == [('train', 0), ('train', 1), ('train', 2), ('val', 0), ('val', 1)]
    assert [joined[index]['row'] for index in range(len(joined))] == [0, 1, 2, 0, 1]
    assert joined.metainfo['classes'] == ('car', 'bus')
    for outside in (-1, 5):
        with pytest.raises(IndexError):
            joined[outside]


def test_samples_are_drawn_by_their_place_in_the_whole():
    joined = JoinedDataset([Frames('train', 3), Frames('val', 3)])
    sampler = EpochSampler(joined, seed=1)
    sampler.set_epoch(4)
    samples = [joined[index] for index in range(6)]
    assert {item['epoch'] for item in samples} == {4}
    assert len({item['drawn'] for item in samples}) == 6
    assert [joined[index] for index in range(6)] == samples
    sampler.set_epoch(5)
    assert joined[0]['drawn'] != samples[0]['drawn']


def test_classes_of_the_parts_can_be_balanced():
    balanced = ClassBalancedDataset(JoinedDataset([Frames('train', 9), Frames('val', 1)]))
    splits = [balanced[index]['split'] for index in range(len(balanced))]
    assert splits.count('train') == splits.count('val') == 5


def test_what_cannot_be_joined_is_named():
    with pytest.raises(ConfigError, match='at least one'):
        JoinedDataset([])
    with pytest.raises(ConfigError, match='different classes: .*tram'):
        JoinedDataset([Frames('train', 1), Frames('val', 1, ('tram', ))])
