from types import SimpleNamespace

import numpy as np
import pytest
from mmengine.dataset import Compose, DefaultSampler

from sparse3d.engine.hooks import DisableAugmentationHook
from sparse3d.errors import ConfigError
from sparse3d.transforms.augment_scene import AugmentScene
from sparse3d.transforms.class_balanced_dataset import ClassBalancedDataset
from sparse3d.transforms.epoch_sampler import EpochSampler, EpochState
from sparse3d.transforms.ground_truth_sampling import GroundTruthSampling
from sparse3d.transforms.info_files import write_plain_file


class Frames:
    metainfo = dict(classes=('Car',))

    def __init__(self, transforms):
        self.pipeline, self.state = Compose(transforms), EpochState()

    def full_init(self):
        pass

    def set_epoch(self, epoch, seed):
        self.state.set(epoch, seed)

    def get_cat_ids(self, index):
        return {0}

    def __len__(self):
        return 3

    def __getitem__(self, index):
        return self.pipeline(dict(epoch=self.state.epoch, gt_labels_3d=np.zeros(0)))


class CountingSampling(GroundTruthSampling):
    """Says whether it would have added anything."""

    def __init__(self, path):
        write_plain_file(path, dict(Car=[]))
        super().__init__(dict(data_root=str(path.parent), info_path=str(path)), ['Car'],
                         dict(Car=5))

    def transform(self, results):
        stopped = self.stop_epoch is not None and results['epoch'] >= self.stop_epoch
        return dict(results, adds=not stopped)


def runner(dataset, sampler=EpochSampler, epochs=20):
    loader = SimpleNamespace(dataset=dataset, sampler=sampler(dataset, seed=0))
    return SimpleNamespace(max_epochs=epochs, train_dataloader=loader)


@pytest.mark.parametrize('wrap', [lambda frames: frames, ClassBalancedDataset])
def test_the_last_epochs_are_real(tmp_path, wrap):
    dataset = wrap(Frames([CountingSampling(tmp_path / 'index.pkl')]))
    run = runner(dataset)
    DisableAugmentationHook(last_epochs=5).before_train(run)
    adds = []
    for epoch in range(20):
        run.train_dataloader.sampler.set_epoch(epoch)
        adds.append(dataset[0]['adds'])
    assert adds == [True] * 15 + [False] * 5


@pytest.mark.parametrize('scene', [False, True])
def test_scenes_stand_still_in_the_last_epochs_if_asked_for(tmp_path, scene):
    motion = AugmentScene(rotation=(0.5, 0.6), flip_horizontal=0.5)
    dataset = Frames([CountingSampling(tmp_path / 'index.pkl'), motion])
    run = runner(dataset)
    DisableAugmentationHook(last_epochs=1, scene=scene).before_train(run)
    still = []
    for epoch in (0, 18, 19):
        run.train_dataloader.sampler.set_epoch(epoch)
        still.append(np.array_equal(dataset[0]['lidar_aug_matrix'], np.eye(4)))
    assert still == [False, False, scene]


def test_mistakes_are_told_before_the_training(tmp_path):
    sampling = CountingSampling(tmp_path / 'index.pkl')
    with pytest.raises(ConfigError, match='no GroundTruthSampling to fade out'):
        DisableAugmentationHook().before_train(runner(Frames([])))
    with pytest.raises(ConfigError, match="needs sampler=dict\\(type='EpochSampler'"):
        DisableAugmentationHook().before_train(runner(Frames([sampling]), DefaultSampler))
    with pytest.raises(ConfigError, match='no last 5 epochs in a training of 3'):
        DisableAugmentationHook().before_train(runner(Frames([sampling]), epochs=3))
    assert sampling.stop_epoch is None
