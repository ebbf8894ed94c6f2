"""A checkpoint with zeros, ready for everything that takes a checkpoint."""
from __future__ import annotations

import pytest
import torch

from sparse3d.apis import test as evaluate
from sparse3d.apis import train
from sparse3d.apis.prune import Pruning, prune
from sparse3d.errors import ConfigError, DataError
from sparse3d.weight_sparsity.masks import KEY, WeightMasks
from sparse3d.weight_sparsity.report import MASKED_BEFORE

SMALL = {'train_cfg.max_epochs': 2, 'param_scheduler.0.total_steps': 2, 'model.width': 16}


@pytest.fixture
def trained(tiny_config, tmp_path):
    return train(tiny_config, tmp_path / 'work', SMALL).checkpoint


def test_the_file_is_a_checkpoint_with_its_masks(tiny_config, trained, tmp_path):
    out = tmp_path / 'pruned.pth'
    report = prune(tiny_config, trained, out, Pruning(include='hidden'), frames=1,
                   cfg_options={'model.width': 16})
    stored = torch.load(out, map_location='cpu')
    mask = WeightMasks.unpacked(stored[KEY], 'file').masks['hidden.weight']
    before = torch.load(trained, map_location='cpu')['state_dict']['hidden.weight']
    assert torch.equal(stored['state_dict']['hidden.weight'], before * mask)
    assert 'optimizer' not in stored and report.zero_parameters == 32
    assert report.products == 4 * 16 + 16 * 3 and report.saved_products == 32
    assert 'hidden.weight' in str(report) and '50.0 % zero' in str(report)
    metrics = evaluate(tiny_config, out, tmp_path / 'test', cfg_options={'model.width': 16})
    assert metrics['frames'] == 4


def test_a_share_in_blocks(tiny_config, trained, tmp_path):
    prune(tiny_config, trained, tmp_path / 'out.pth', Pruning(
        None, 0.5, block=(4, 2), include='hidden'), cfg_options={'model.width': 16})
    weight = torch.load(tmp_path / 'out.pth', map_location='cpu')['state_dict']['hidden.weight']
    tiles = (weight != 0).unflatten(0, (-1, 4)).unflatten(2, (-1, 2)).sum((1, 3))
    assert sorted(tiles.flatten().tolist()) == [0] * 4 + [8] * 4


def test_what_cannot_be_meant_is_refused_and_nothing_is_written(tiny_config, trained, tmp_path):
    out = tmp_path / 'out.pth'
    for pruning, told in ((Pruning('2:4', 0.5), 'give one'), (Pruning(None), 'give one'),
                          (Pruning('1:4'), "'1:4'"), (Pruning(include='absent'), "'absent'"),
                          (Pruning(), 'no linear layer'),
                          (Pruning(block=(4, 1)), 'block 4 x 1 .* are of a share, not of 2:4'),
                          (Pruning(None, 0.5, block=(0, 1)), r'block is \(0, 1\)'),
                          (Pruning(None, 1.5, distribution='erk'), 'sparsity is 1.5'),
                          (Pruning(None, 0.5, distribution='normal'), "'normal'"),
                          (Pruning(None, 0.5, block=(5, 1), include='hidden'),
                           'hidden.weight of 16 x 4 does not divide into blocks of 5 x 1')):
        with pytest.raises(ConfigError, match=told):
            prune(tiny_config, trained, out, pruning, cfg_options={'model.width': 16})
    assert not out.exists()


def test_a_folder_that_is_missing_is_made_and_one_in_the_way_is_told_first(
        tiny_config, trained, tmp_path):
    options = dict(cfg_options={'model.width': 16})
    prune(tiny_config, trained, tmp_path / 'new/folder/out.pth', Pruning(include='hidden'),
          **options)
    assert (tmp_path / 'new/folder/out.pth').is_file()
    with pytest.raises(DataError, match='new/folder could not be written: it is a folder'):
        prune(tiny_config, tmp_path / 'absent.pth', tmp_path / 'new/folder', **options)
    with pytest.raises(DataError, match='is the file that is read'):
        prune(tiny_config, trained, trained, Pruning(include='hidden'), **options)


def test_masks_of_other_layers_stay(tiny_config, trained, tmp_path):
    once, twice = tmp_path / 'once.pth', tmp_path / 'twice.pth'
    options = dict(cfg_options={'model.width': 16})
    prune(tiny_config, trained, once, Pruning(include='hidden'), **options)
    report = prune(tiny_config, once, twice, Pruning(None, 0.25, include='center'), **options)
    before, after = (torch.load(path, map_location='cpu')[KEY] for path in (once, twice))
    assert set(after) == {'hidden.weight', 'center.weight'}
    assert torch.equal(before['hidden.weight']['bits'], after['hidden.weight']['bits'])
    assert report.zero_parameters == 32 + 48 / 4
    assert {layer.name: (layer.zeros, layer.note) for layer in report.layers}[
        'hidden.weight'] == (0.5, MASKED_BEFORE)
    other = prune(tiny_config, once, twice, Pruning(include='center'), **options)
    assert other.two_of_four and other.zero_parameters == 32 + 24
