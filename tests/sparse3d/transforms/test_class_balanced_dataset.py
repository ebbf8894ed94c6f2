from collections import Counter

import numpy as np
import pytest
from mmdet3d.registry import DATASETS

from sparse3d.errors import DataError
from sparse3d.transforms.class_balanced_dataset import ClassBalancedDataset, balanced_indices
from sparse3d.transforms.epoch_sampler import EpochSampler, EpochState


class Frames:
    """Twelve frames: all with cars, one with a bus, the last without anything."""
    metainfo = dict(classes=('car', 'bus', 'tram'))
    epoch = None

    def __init__(self):
        self.state = EpochState()

    def full_init(self):
        pass

    def set_epoch(self, epoch, seed):
        self.state.set(epoch, seed)

    def get_cat_ids(self, index):
        return {0: {0, 1}, 11: {-1}}.get(index, {0})

    def get_data_info(self, index):
        return dict(row=index)

    def __len__(self):
        return 12

    def __getitem__(self, index):
        with self.state.randomness_of(index):
            return dict(row=index, epoch=self.state.epoch, number=np.random.rand())


def test_each_class_gets_as_many_places():
    rows = balanced_indices([{0}] * 30 + [{0, 1}] * 3 + [{2, -1}] + [set()])
    assert len(rows) == 3 * (37 // 3)  # 33 + 3 + 1 sightings
    counts = Counter(rows.tolist())
    assert counts[33] == 12                                 # the only tram
    assert all(counts[row] >= 4 for row in (30, 31, 32))    # three buses share 12 places
    assert sum(counts[row] for row in range(30)) <= 12 and 34 not in counts


def test_even_repetitions():
    counts = Counter(balanced_indices([{0}] * 2 + [{1}] * 10).tolist())
    assert set(counts[row] for row in range(2)) == {3}
    assert max(counts[row] for row in range(2, 12)) == 1


def test_nothing_to_balance():
    with pytest.raises(DataError, match='no frame shows an object'):
        balanced_indices([set(), {-1}])
    with pytest.raises(DataError):
        balanced_indices([])


def test_repetitions_are_augmented_differently_and_can_be_repeated():
    dataset = ClassBalancedDataset(Frames())
    assert len(dataset) == 12 and dataset.metainfo['classes'] == ('car', 'bus', 'tram')
    EpochSampler(dataset, seed=4).set_epoch(2)
    samples = [dataset[index] for index in range(len(dataset))]
    buses = [sample['number'] for sample in samples if sample['row'] == 0]
    assert len(buses) >= 6 and len(set(buses)) == len(buses)
    assert {sample['epoch'] for sample in samples} == {2}
    again = ClassBalancedDataset(Frames())
    EpochSampler(again, seed=4).set_epoch(2)
    assert [again[index] for index in range(len(again))] == samples
    assert again.get_data_info(3)['row'] == again.original_index(3) == samples[3]['row']
    EpochSampler(again, seed=4).set_epoch(3)
    assert again[0]['number'] != samples[0]['number']


def test_on_simulated_nuscenes(simulated_nuscenes, tmp_path):
    from sparse3d.datasets.nuscenes.prepare.frames import NuScenesPreparation, prepare_nuscenes
    prepare_nuscenes(simulated_nuscenes, out=tmp_path,
                     options=NuScenesPreparation(database=False))
    dataset = DATASETS.build(dict(type='ClassBalancedDataset', dataset=dict(
        type='NuScenesDetectionDataset', data_root=str(tmp_path), pipeline=[],
        ann_file='nuscenes_infos_train.pkl', metainfo=dict(classes=['car', 'pedestrian']))))
    classes = [dataset.get_cat_ids(index) for index in range(len(dataset))]
    assert classes and all(classes)
    assert dataset[0]['token'] == dataset.get_data_info(0)['token']
