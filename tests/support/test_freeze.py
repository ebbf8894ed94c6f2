"""The proof of sameness finds a renamed weight, a changed loss and a changed group, no more."""
from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet3d.registry import MODELS
from torch import nn

import freeze
import freeze_model
from freeze_difference import differences
from renames import Renames

CONFIG = """
_base_ = {base!r}
custom_imports = dict(imports=['sparse3d.register', 'tiny_training'])
model = dict(type='{type}', width={width}, dropout=0.5)
optim_wrapper = dict(optimizer=dict(lr={rate}))
"""
NONE = Renames()


@pytest.fixture
def house(tmp_path, tiny_config, monkeypatch) -> Callable[..., freeze.Options]:
    """Function that writes the configs ``plain`` and ``wide`` and says where they are."""
    import tiny_training
    for changed in (RenamedWeight, ChangedLoss):
        base = tiny_training.TinyDetector
        kind = type(changed.__name__, (changed, base), {})
        MODELS.register_module(module=kind, force=True)

    def write(wide: str = 'TinyDetector', rate: float = 0.01, plain: str = 'plain',
              ) -> freeze.Options:
        folder = tmp_path / 'configs'
        (folder / 'tiny').mkdir(parents=True, exist_ok=True)
        for path in (folder / 'tiny').glob('*.py'):
            path.unlink()
        texts = {plain: dict(type='TinyDetector', width=4, rate=0.01),
                 'wide': dict(type=wide, width=8, rate=rate)}
        for name, values in texts.items():
            (folder / 'tiny' / f'{name}.py').write_text(
                CONFIG.format(base=str(tiny_config), **values))
        return freeze.Options(configs=folder)

    yield write
    for changed in (RenamedWeight, ChangedLoss):
        MODELS._module_dict.pop(changed.__name__)


class RenamedWeight:
    """Its first layer has another name."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.embedding = self.__dict__['_modules'].pop('hidden')

    @property
    def hidden(self) -> nn.Module:
        return self.embedding


class ChangedLoss:
    """Its loss is a little larger."""

    def forward(self, inputs, data_samples=None, mode='tensor'):
        found = super().forward(inputs, data_samples, mode)
        return {name: value * (1 + 1e-4) for name, value in found.items()} \
            if mode == 'loss' else found


@pytest.fixture
def recorded(house, tmp_path) -> Path:
    path = tmp_path / 'before.json.gz'
    freeze.record(path, house(), NONE)
    return path


def test_a_record_has_all_and_an_unchanged_house_is_equal(house, recorded, capsys):
    stored = freeze.read(recorded)
    assert set(stored['configs']) == {'tiny/plain', 'tiny/wide'}
    model = stored['models'][stored['configs']['tiny/wide']['model']]
    assert model['parameters']['hidden.weight'] == dict(shape=[8, 4], learns=True)
    assert model['passes']['predictions']['bboxes_3d']['shape'] == [1, 7]
    assert np.isfinite(model['passes']['losses']['loss_center']['values']).all()
    optimizer = stored['optimizers'][stored['configs']['tiny/wide']['optimizer']]
    group = optimizer['groups'][optimizer['parameters']['hidden.weight']]
    assert (group['lr'], group['betas']) == (0.01, [0.9, 0.999])
    assert freeze.compare(recorded, house(), NONE) == {'tiny/plain': [], 'tiny/wide': []}
    capsys.readouterr()
    freeze.compare(recorded, house(), NONE)  # what was measured is kept
    assert capsys.readouterr().out.startswith('2 of 2 models are in')


def test_a_renamed_weight_is_found_unless_it_is_written_down(house, recorded):
    found = freeze.compare(recorded, house(wide='RenamedWeight'), NONE)
    assert found['tiny/plain'] == []
    assert found['tiny/wide'][:2] == ['parameters gone: hidden.weight, hidden.bias',
                                      'parameters new: embedding.bias, embedding.weight']
    recorded.with_name('before.compared.json.gz').unlink()
    renames = Renames({'parameter': [('hidden', 'embedding')]})
    found = freeze.compare(recorded, house(wide='RenamedWeight'), renames)
    assert found == {'tiny/plain': [], 'tiny/wide': []}


def test_a_changed_loss_is_found_beyond_the_tolerance(house, recorded):
    found = freeze.compare(recorded, house(wide='ChangedLoss'), NONE)
    assert found['tiny/plain'] == []
    (sentence,) = found['tiny/wide']
    assert sentence.startswith('loss loss_center: ')
    assert sentence.endswith('(0.0001 of the largest value)')
    assert any(freeze.compare(recorded, house(wide='ChangedLoss'), NONE, 1e-5).values())
    assert not any(freeze.compare(recorded, house(wide='ChangedLoss'), NONE, 1e-3).values())


def test_a_changed_group_is_found(house, recorded):
    found = freeze.compare(recorded, house(rate=0.02), NONE)
    assert found['tiny/plain'] == []
    assert found['tiny/wide'] == [
        'optimizer group, lr 0.01 -> 0.02: hidden.weight, hidden.bias, center.weight, center.bias']
    assert list(freeze.report(found))[-1] == '1 configs are equal, 1 differ'


def test_a_renamed_config_is_gone_unless_it_is_written_down(house, recorded):
    assert freeze.compare(recorded, house(plain='simple'), NONE)['tiny/plain'] == [
        'config: gone; new is tiny/simple']
    recorded.with_name('before.compared.json.gz').unlink()
    renames = Renames({'config': [('plain', 'simple')]})
    assert not any(freeze.compare(recorded, house(plain='simple'), renames).values())


def test_a_record_of_other_sources_is_not_continued(house, recorded):
    before = recorded.read_bytes()
    with pytest.raises(SystemExit, match='recorded from other sources'):
        freeze.record(recorded, house(rate=0.02), NONE)
    assert recorded.read_bytes() == before


def test_an_unfinished_record_is_compared_as_far_as_it_goes(house, recorded, capsys):
    stored = freeze.read(recorded)
    del stored['models'][stored['configs']['tiny/wide']['model']]
    with gzip.open(recorded, 'wt') as file:
        json.dump(stored, file)
    capsys.readouterr()
    assert freeze.compare(recorded, house(), NONE) == {'tiny/plain': []}
    assert capsys.readouterr().out.startswith('the record is unfinished: 1 of its configs')


def test_a_config_that_no_longer_loads_or_builds_is_told(house, recorded):
    options = house(wide='Nowhere')
    (options.configs / 'tiny' / 'plain.py').write_text('raise RuntimeError("broken")')
    found = freeze.compare(recorded, options, NONE)
    assert found['tiny/plain'][0].startswith('loading: worked -> ConfigError')
    assert found['tiny/wide'][0].startswith('building: worked -> KeyError')


def test_only_some_configs_can_be_compared(house, recorded):
    options = house(rate=0.02)
    options.only = 'pla*'
    assert freeze.compare(recorded, options, NONE) == {}
    options.only = '*/plain'
    assert freeze.compare(recorded, options, NONE) == {'tiny/plain': []}


def test_a_pass_that_takes_too_long_is_skipped_with_its_reason():
    class Endless(nn.Module):
        def data_preprocessor(self, batch, training):
            while True:
                torch.zeros(1)

    wanted = dict(points=True, range=[0, -20, -3, 40, 20, 1], columns=4, cameras=0, frames=1,
                  image=[8, 8], classes=2, velocities=False, keypoints=False, two_stages=False)
    found = freeze_model.run_passes(Endless(), wanted, 0.2, None)
    assert found['skipped'] == 'predictions take more than 0.2 s of the processor'


def test_weights_follow_from_the_first_name_and_the_shape_alone():
    first, second = nn.Sequential(nn.Linear(3, 2)), nn.Sequential(nn.Identity(), nn.Linear(3, 2))
    freeze_model.set_weights(first, {})
    freeze_model.set_weights(second, {'1.weight': '0.weight'})
    assert torch.equal(first[0].weight, second[1].weight)
    assert not torch.equal(first[0].bias, second[1].bias)


@pytest.mark.parametrize('tolerance, count', [(0.0, 2), (1e-5, 0)])
def test_with_a_tolerance_detections_may_change_places(recorded, tolerance, count):
    before, now = freeze.read(recorded), freeze.read(recorded)
    for stored, order in ((before, [0, 1]), (now, [1, 0])):
        for model in stored['models'].values():
            model['passes']['predictions'] = dict(
                scores=dict(shape=[2], values=[[0.9, 0.9 - 1e-9][place] for place in order]),
                boxes=dict(shape=[2, 1], values=[[3.0, 7.0][place] for place in order]))
    found = differences(before, now, NONE, tolerance)
    assert [len(sentences) for sentences in found.values()] == [count, count]


def test_the_file_is_plain_json(recorded):
    with gzip.open(recorded, 'rt') as file:
        assert json.load(file)['format'] == freeze.FORMAT
