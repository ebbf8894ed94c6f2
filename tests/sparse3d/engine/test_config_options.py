from __future__ import annotations

import pytest

from sparse3d.engine.config_options import (
    check_options,
    check_top_level,
    dotted_keys,
    has_place,
    parse_options,
    takes_argument,
)
from sparse3d.errors import ConfigError

CONFIG = {
    'model': {'type': 'SECOND', 'in_channels': 3, 'neck': None},
    'train_dataloader': {'batch_size': 2},
    'param_scheduler': [{'type': 'OneCycleLR', 'eta_max': 0.1}],
    'optim_wrapper': {'type': 'OptimWrapper'},
    'load_from': None,
}


def test_options_are_read_as_mmdet3d_reads_them():
    read = parse_options(['a.b=1', 'c=[1,2]', 'd=x', 'e=True', 'f="[(1,2),(3,4)]"'])
    assert read == {'a.b': 1, 'c': [1, 2], 'd': 'x', 'e': True, 'f': [(1, 2), (3, 4)]}
    assert parse_options(None) == {}


def test_an_option_without_value_is_refused():
    with pytest.raises(ConfigError, match="key=value, not 'a.b'"):
        parse_options(['a.b'])


def test_keys_are_listed_with_their_path():
    assert list(dotted_keys({'a': {'b': [{'c': 1}, 2], 'd': [3]}})) == [
        'a', 'a.b', 'a.b.0', 'a.b.0.c', 'a.b.1', 'a.d']


@pytest.mark.parametrize('key', [
    'optim_wrapper.constructor',           # read by mmengine's building of optimizers
    'model.in_channels',                   # is there
    'model.layer_nums',                    # an argument of SECOND
    'model.init_cfg',                      # the same
    'train_dataloader.persistent_workers',  # an argument of PyTorch's DataLoader
    'param_scheduler.0.eta_max',           # in a list
    'param_scheduler.0.verbose',           # an argument that the class passes on to its base
    'work_dir', 'resume',                  # read by the Runner
])
def test_known_keys_pass(key):
    check_options(CONFIG, {key: 1})


@pytest.mark.parametrize('key, near', [
    ('modle.in_channels', 'model.in_channels'),
    ('model.in_channel', 'model.in_channels'),
    ('train_dataloader.batchsize', 'train_dataloader.batch_size'),
    ('param_scheduler.1.eta_max', 'param_scheduler.0.eta_max'),
    ('param_scheduler.0.eta_mx', 'param_scheduler.0.eta_max'),
    ('wrok_dir', 'work_dir'),
    ('model.in_channels.deep', 'model.in_channels'),
])
def test_a_misspelt_key_is_named_with_its_neighbor(key, near):
    with pytest.raises(ConfigError, match=f"no key '{key}'") as error:
        check_options(CONFIG, {key: 1})
    assert repr(near) in str(error.value)


def test_a_key_like_no_other_is_named_alone():
    with pytest.raises(ConfigError, match="no key 'zzzzzz'$"):
        check_options(CONFIG, {'zzzzzz': 1})


def test_a_misspelt_key_of_the_config_itself():
    check_top_level({**CONFIG, 'voxel_size': 1, 'class_names': []})
    with pytest.raises(ConfigError, match="'train_dataloder'.*'train_dataloader'"):
        check_top_level({'train_dataloder': {}})


def test_arguments_of_bases_count_as_far_as_they_are_passed_on():
    class Base:
        def __init__(self, low):
            pass

    class Open(Base):
        def __init__(self, high, **rest):
            super().__init__(**rest)

    class Closed(Base):
        def __init__(self, high):
            super().__init__(1)

    assert takes_argument(Open, 'low') and takes_argument(Open, 'high')
    assert takes_argument(Closed, 'high') and not takes_argument(Closed, 'low')
    assert not takes_argument(Open, 'other')
    assert takes_argument(lambda x: x, 'x')


def test_every_middle_encoder_takes_a_pruning():
    config = dict(CONFIG, model=dict(type='VoxelNet', middle_encoder=dict(type='SparseEncoder')))
    check_options(config, {'model.middle_encoder.pruning': dict(submanifold_keep_ratio=0.3),
                           'model.middle_encoder.pruning.downsampling_keep_ratio': 0.3})
    with pytest.raises(ConfigError, match='no key .model.middle_encoder.pruning.keep_ratio'):
        check_options(config, {'model.middle_encoder.pruning.keep_ratio': 0.3})


def test_half_precision_of_a_validation_has_a_place():
    for loop in ('val_cfg', 'test_cfg'):
        assert has_place({loop: {}}, f'{loop}.fp16') and not has_place({loop: {}}, f'{loop}.fp61')
