from __future__ import annotations

import pytest
from mmdet3d.registry import MODELS
from mmengine.registry import init_default_scope
from torch import ones
from torch.nn import Parameter
from torch.optim import AdamW
from torch.utils.data import DataLoader

from sparse3d.apis import train
from sparse3d.engine.registry_errors import clear_registry_errors, clear_value_errors
from sparse3d.errors import ConfigError


@pytest.fixture(autouse=True)
def _scope():
    init_default_scope('mmdet3d')


def test_an_unknown_name_deep_in_a_model():
    model = {'type': 'VoxelDetector', 'voxel_encoder': {'type': 'HardSimpleVEF'},
             'middle_encoder': {}, 'backbone': {}, 'bbox_head': {}}
    with pytest.raises(ConfigError, match="'HardSimpleVEF'.*did you mean 'HardSimpleVFE'") as error:
        with clear_registry_errors():
            MODELS.build(model)
    assert '\n' not in str(error.value)


def test_an_unknown_argument():
    with pytest.raises(ConfigError, match="HardSimpleVFE an option 'num_feature'"):
        with clear_registry_errors():
            MODELS.build({'type': 'HardSimpleVFE', 'num_feature': 4})


@pytest.mark.parametrize('part, words', [
    ({'type': 'VoxelDetector', 'backbone': {}, 'bbox_head': {}},
     "gives VoxelDetector no 'voxel_encoder' and 'middle_encoder', which"),
    (5, 'no dict with a type but'),
])
def test_a_part_that_lacks_what_it_needs(part, words):
    with pytest.raises(ConfigError, match=words), clear_registry_errors():
        MODELS.build(part)


def test_a_part_without_a_type():
    with pytest.raises(ConfigError, match=r"says no type: \{'interval': 1\}; give it") as caught, \
            clear_registry_errors():
        MODELS.build(dict(interval=1))
    assert '\n' not in str(caught.value)


def test_other_errors_pass():
    with pytest.raises(KeyError, match='something else'):
        with clear_registry_errors():
            raise KeyError('something else')


@pytest.mark.parametrize('build, words', [
    (lambda: DataLoader([1], batch_size=0), 'the part cannot be built with lr=3: batch_size'),
    (lambda: AdamW([Parameter(ones(1))], lr=float('nan')), 'Invalid learning rate: nan'),
    (lambda: AdamW([Parameter(ones(1))], lr=[0, 1]), 'lr=3: .*not supported')])
def test_values_that_pytorch_refuses(build, words):
    with pytest.raises(ConfigError, match=words):
        with clear_value_errors('part', dict(optimizer=dict(lr=3))):
            build()


def test_errors_of_parts_inside_pass():
    with pytest.raises(ValueError, match='of a dataset') as caught:
        with clear_value_errors('part', dict()):
            raise ValueError('of a dataset')
    assert not isinstance(caught.value, ConfigError)


@pytest.mark.parametrize('options, words', [
    (dict(randomness=dict(seed='abc')), "randomness.seed is 'abc'; a seed is a whole"),
    (dict(randomness=dict(seed=-1)), 'randomness.seed is -1'),
    ({'train_dataloader.batch_size': 0}, 'the data loader cannot be built with .*batch_size=0'),
    ({'optim_wrapper.optimizer.lr': float('nan')}, 'the optimizer cannot be built with .*lr=nan')])
def test_a_training_is_refused_in_one_sentence(tiny_config, tmp_path, options, words):
    with pytest.raises(ConfigError, match=words):
        train(tiny_config, work_dir=tmp_path / 'work', cfg_options=options, dry_run=True)
