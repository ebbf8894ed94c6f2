"""Published files read safely, converted whole or not at all, and used with their quirks."""
from __future__ import annotations

import sys
import types
from dataclasses import dataclass

import pytest
import torch

from sparse3d import plugins
from sparse3d.apis import test
from sparse3d.checkpoints import Conversion, convert_checkpoint, read_published, refuse_unmatched
from sparse3d.checkpoints.open import open_checkpoint
from sparse3d.errors import CheckpointError, ConfigError, DataError
from sparse3d.plugins import Plugin
from sparse3d.published import PublishedSet, quirk


@dataclass(frozen=True)
class WidthPublished(PublishedSet):
    width: int | None = quirk(None, 'another width', 'that of the config')


@pytest.fixture
def tiny_converter(monkeypatch):
    """A plug-in whose published names begin with ``old_``."""
    module = types.ModuleType('tiny_converter_module')
    module.__spec__ = types.SimpleNamespace()

    def convert(published, config=None):
        known = {name: name.replace('old_', '', 1) for name in published
                 if name.startswith('old_')}
        refuse_unmatched([name for name in published if name not in known], [])
        return Conversion({ours: published[name] for name, ours in known.items()},
                          config or 'configs/tiny.py', {'width': 3})

    module.convert = convert
    module.WidthPublished = WidthPublished
    monkeypatch.setitem(sys.modules, 'tiny_converter_module', module)
    contract = Plugin('tiny', (), convert='tiny_converter_module:convert',
                      published='tiny_converter_module:WidthPublished')
    others = plugins.installed_plugins()
    monkeypatch.setattr('sparse3d.plugins.installed.installed_plugins',
                        lambda: (*others, plugins.Installed('tiny', 'tiny 1.0', contract)))


@pytest.mark.parametrize('wrapper', [None, 'state_dict', 'model_state', 'model'])
def test_the_weights_are_found_in_every_published_wrapping(tmp_path, wrapper):
    state = {'module.layer.weight': torch.ones(2)}
    content = state if wrapper is None else {wrapper: state, 'epoch': 20}
    torch.save(content, tmp_path / 'published.pth')
    assert list(read_published(tmp_path / 'published.pth')) == ['layer.weight']


def test_a_file_without_weights_is_refused(tmp_path):
    torch.save({'epoch': 3}, tmp_path / 'nothing.pth')
    with pytest.raises(CheckpointError, match='holds no weights'):
        read_published(tmp_path / 'nothing.pth')


def test_a_file_that_would_run_code_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return (print, ('ran',))

    torch.save({'state_dict': {'x': Evil()}}, tmp_path / 'evil.pth')
    with pytest.raises(CheckpointError, match='not .*loaded for safety|refused|damaged'):
        read_published(tmp_path / 'evil.pth')


def test_what_is_written_names_its_config_and_quirks(tmp_path, tiny_converter):
    torch.save({'state_dict': {'old_a': torch.ones(2)}}, tmp_path / 'published.pth')
    convert_checkpoint('tiny', tmp_path / 'published.pth', tmp_path / 'ours.pth')
    ours = open_checkpoint(tmp_path / 'ours.pth')
    assert ours.weights['a'].tolist() == [1, 1]
    assert ours.meta['config'] == 'configs/tiny.py'
    assert ours.options == {'model.published': {'width': 3}}


def test_nothing_is_written_when_a_tensor_is_unknown(tmp_path, tiny_converter):
    torch.save({'model_state': {'old_a': torch.ones(2), 'extra': torch.ones(1)}},
               tmp_path / 'published.pth')
    with pytest.raises(CheckpointError, match='unknown to this model .extra.'):
        convert_checkpoint('tiny', tmp_path / 'published.pth', tmp_path / 'ours.pth')
    assert not (tmp_path / 'ours.pth').exists()


def test_a_converter_cannot_write_what_nobody_would_load(tmp_path, tiny_converter, monkeypatch):
    quirks = {'type': 'os.system'}
    monkeypatch.setattr(sys.modules['tiny_converter_module'], 'convert', lambda published, config:
                        Conversion({'a': torch.ones(2)}, 'configs/tiny.py', quirks))
    torch.save({'state_dict': {'old_a': torch.ones(2)}}, tmp_path / 'published.pth')
    with pytest.raises(CheckpointError, match="of tiny sets .*'model.published.type'"):
        convert_checkpoint('tiny', tmp_path / 'published.pth', tmp_path / 'ours.pth')
    assert not (tmp_path / 'ours.pth').exists()


def test_a_misspelt_plug_in_is_named_with_the_nearest(tmp_path):
    with pytest.raises(ConfigError, match="did you mean 'sparsebev'"):
        convert_checkpoint('sparsbev', tmp_path / 'a', tmp_path / 'b')


def test_testing_applies_the_quirks_of_a_converted_checkpoint(tmp_path, tiny_config):
    """The checkpoint says width 3; with the config's 8 its weights would not fit."""
    weights = {'hidden.weight': torch.zeros(3, 4), 'hidden.bias': torch.ones(3),
               'center.weight': torch.zeros(3, 3), 'center.bias': torch.zeros(3)}
    meta = dict(config_options={'model.published': {'width': 3}})
    torch.save(dict(meta=meta, state_dict=weights), tmp_path / 'converted.pth')
    assert test(tiny_config, tmp_path / 'converted.pth', tmp_path)['frames'] == 4


@pytest.mark.parametrize(('values', 'said'), [
    ([1.0, float('nan')], 'NaN in 1 of its 2 tensors .a.'), ([0.0, 0.0], 'all of its 2 weights')])
def test_weights_of_which_nothing_is_found_are_not_converted(
        tmp_path, tiny_converter, values, said):
    torch.save({'old_a': torch.tensor(values), 'old_b': torch.zeros(1)}, tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match=said):
        convert_checkpoint('tiny', tmp_path / 'a.pth', tmp_path / 'ours.pth')
    assert not (tmp_path / 'ours.pth').exists()


def test_the_published_file_is_not_written_over(tmp_path, tiny_converter):
    torch.save({'old_a': torch.ones(2)}, tmp_path / 'a.pth')
    before = (tmp_path / 'a.pth').read_bytes()
    with pytest.raises(DataError, match='the file that is read; give another name'):
        convert_checkpoint('tiny', tmp_path / 'a.pth', tmp_path / '.' / 'a.pth')
    assert (tmp_path / 'a.pth').read_bytes() == before


def test_what_was_converted_is_not_converted_again(tmp_path, tiny_converter):
    torch.save({'old_a': torch.ones(2)}, tmp_path / 'a.pth')
    convert_checkpoint('tiny', tmp_path / 'a.pth', tmp_path / 'b.pth')
    with pytest.raises(CheckpointError, match=r'converted already \(from tiny, for the config con'):
        convert_checkpoint('tiny', tmp_path / 'b.pth', tmp_path / 'c.pth')


def test_published_weights_as_numpy_arrays_are_told_so(tmp_path):
    torch.save({'model_state': {'a': torch.ones(2).numpy()}}, tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match='its weights are NumPy arrays'):
        read_published(tmp_path / 'a.pth')
