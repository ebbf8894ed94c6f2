from __future__ import annotations

import os

import pytest
import torch
from mmengine.config import Config
from torch import nn

from sparse3d.checkpoints.open import latest_checkpoint, load_weights, open_checkpoint
from sparse3d.checkpoints.reading import read_published
from sparse3d.engine.checkpoint_config import options_in_effect
from sparse3d.errors import CheckpointError


def model(width=3, extra=False):
    layers = {'first': nn.Linear(2, width), 'second': nn.Linear(width, 1)}
    if extra:
        layers['third'] = nn.Linear(1, 1)
    return nn.ModuleDict(layers)


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / 'model.pth'
    torch.save({'state_dict': model().state_dict(), 'meta': {'epoch': 3}}, path)
    return path


def test_weights_arrive(saved):
    receiver = model()
    checkpoint = load_weights(receiver, saved)
    assert checkpoint['meta'] == {'epoch': 3}
    for name, value in receiver.state_dict().items():
        assert torch.equal(value, checkpoint['state_dict'][name])


def test_a_plain_state_dict_and_one_from_several_processes(tmp_path):
    source = model()
    torch.save({f'module.{k}': v for k, v in source.state_dict().items()}, tmp_path / 'a.pth')
    receiver = model()
    load_weights(receiver, tmp_path / 'a.pth')
    assert torch.equal(receiver['first'].weight, source['first'].weight)


class Versioned(nn.Linear):
    """A layer that turns the weights of its first version around, as spconv's do."""
    _version = 2

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest):
        if local_metadata.get('version', 1) < 2:
            state_dict[f'{prefix}weight'] = state_dict[f'{prefix}weight'].T.contiguous()
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


@pytest.mark.parametrize('wrapped', [False, True])
@pytest.mark.parametrize('allow_partial', [False, True])
def test_layers_see_the_version_that_wrote_the_weights(tmp_path, wrapped, allow_partial):
    source = nn.Sequential(Versioned(2, 3))
    saved = nn.ModuleDict({'module': source}) if wrapped else source
    torch.save({'state_dict': saved.state_dict()}, tmp_path / 'new.pth')
    receiver = nn.Sequential(Versioned(2, 3))
    load_weights(receiver, tmp_path / 'new.pth', allow_partial)
    assert torch.equal(receiver[0].weight, source[0].weight)

    old = source.state_dict()
    old['0.weight'] = old['0.weight'].T.contiguous()
    torch.save(dict(old), tmp_path / 'old.pth')
    load_weights(nn.Sequential(Versioned(2, 3)), tmp_path / 'old.pth', allow_partial)
    load_weights(receiver, tmp_path / 'old.pth', allow_partial)
    assert torch.equal(receiver[0].weight, source[0].weight)


@pytest.mark.parametrize('other, words', [
    (lambda: model(extra=True), ['2 missing in the checkpoint', 'third.weight']),
    (lambda: nn.ModuleDict({'first': nn.Linear(2, 3)}), ['2 unknown to the model', 'second.']),
    (lambda: model(width=4), ['3 of another shape', 'first.weight']),
])
def test_another_model_is_refused_with_names(saved, other, words):
    with pytest.raises(CheckpointError) as error:
        load_weights(other(), saved)
    for word in [*words, str(saved), '--allow-partial']:
        assert word in str(error.value)


def test_a_part_is_taken_on_request(saved):
    receiver = model(width=4, extra=True)
    before = receiver['first'].weight.clone()
    checkpoint = load_weights(receiver, saved, allow_partial=True)
    assert torch.equal(receiver['second'].bias, checkpoint['state_dict']['second.bias'])
    assert torch.equal(receiver['first'].weight, before)


@pytest.mark.parametrize('allow_partial', [False, True])
def test_nothing_fits(saved, allow_partial):
    with pytest.raises(CheckpointError, match='none of its 4 weights fits'):
        load_weights(nn.ModuleDict({'other': nn.Linear(1, 1)}), saved, allow_partial)


@pytest.mark.parametrize('keep', [0, 10, 500, -20])
def test_a_checkpoint_cut_short(saved, keep):
    content = saved.read_bytes()
    saved.write_bytes(content[:keep])
    with pytest.raises(CheckpointError, match='damaged'):
        open_checkpoint(saved)


def test_a_file_of_another_kind(tmp_path):
    path = tmp_path / 'notes.pth'
    path.write_text('not a checkpoint at all')
    with pytest.raises(CheckpointError, match='notes.pth'):
        open_checkpoint(path)
    torch.save({'numbers': [1, 2]}, path)
    with pytest.raises(CheckpointError, match='no weights'):
        open_checkpoint(path)


def test_objects_that_run_code_are_not_loaded(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / 'ran'),)

    torch.save({'state_dict': model().state_dict(), 'meta': Evil()}, tmp_path / 'evil.pth')
    with pytest.raises(CheckpointError, match='evil.pth is refused: .*posix.*; only weights'):
        open_checkpoint(tmp_path / 'evil.pth')
    assert not (tmp_path / 'ran').exists()


def test_a_missing_file(tmp_path):
    with pytest.raises(CheckpointError, match='does not exist'):
        open_checkpoint(tmp_path / 'absent.pth')


def test_results_are_no_checkpoint(tmp_path):
    (tmp_path / 'results_nusc.json').write_text('{}')
    with pytest.raises(CheckpointError, match='is a .json file, no checkpoint; stored detections '
                                              'stand alone: sparse3d track results_nusc.json'):
        open_checkpoint(tmp_path / 'results_nusc.json')


def test_a_folder_is_told_its_latest_checkpoint(tmp_path):
    with pytest.raises(CheckpointError, match='is a folder, not a checkpoint$'):
        open_checkpoint(tmp_path)
    torch.save(model().state_dict(), tmp_path / 'epoch_3.pth')
    with pytest.raises(CheckpointError, match='folder, not a checkpoint; give .*epoch_3.pth'):
        open_checkpoint(tmp_path)


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
@pytest.mark.parametrize('allow_partial', [False, True])
def test_weights_of_a_training_that_diverged(tmp_path, value, allow_partial):
    weights = model().state_dict()
    name = next(iter(weights))
    weights[name].view(-1)[0] = value
    torch.save(weights, tmp_path / 'epoch_9.pth')
    with pytest.raises(CheckpointError, match=f'NaN or infinity in 1 of its .*{name}.*diverged'):
        load_weights(model(), tmp_path / 'epoch_9.pth', allow_partial)


@pytest.mark.parametrize('content, said', [
    (dict(model=dict(a=torch.zeros(1)), epoch=3), 'under state_dict, but some under model: save'),
    (dict(optimizer=dict(state={}), meta={}), 'its entries are optimizer, meta'),
    ([1, 2], 'but a list'), ({}, 'its entries are none')])
def test_files_without_weights_say_what_they_hold(tmp_path, content, said):
    torch.save(content, tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match=said):
        open_checkpoint(tmp_path / 'a.pth')


def test_the_latest_checkpoint(tmp_path):
    assert latest_checkpoint(tmp_path) is None
    for name in ('epoch_9.pth', 'epoch_10.pth', 'best_score_epoch_11.pth'):
        (tmp_path / name).touch()
    assert latest_checkpoint(tmp_path).name == 'epoch_10.pth'
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'epoch_9.pth'))
    assert latest_checkpoint(tmp_path).name == 'epoch_9.pth'
    (tmp_path / 'last_checkpoint').write_text('/moved/away/epoch_9.pth')
    assert latest_checkpoint(tmp_path).name == 'epoch_9.pth'
    (tmp_path / 'last_checkpoint').write_text('')  # killed while it was written
    assert latest_checkpoint(tmp_path).name == 'epoch_10.pth'


def test_the_config_in_a_checkpoint_is_data(tmp_path):
    path = tmp_path / 'a.pth'
    text = "model = dict(type='SECOND', init_cfg=dict(type='Pretrained', checkpoint='x'))\n"
    torch.save(dict(meta=dict(cfg=text), state_dict=model().state_dict()), path)
    assert open_checkpoint(path).config() == {'model': {'type': 'SECOND'}}
    torch.save(dict(meta={}, state_dict=model().state_dict()), path)
    with pytest.raises(CheckpointError, match='a.pth holds no config'):
        open_checkpoint(path).config()


def test_an_open_checkpoint_is_not_opened_again(saved):
    opened = open_checkpoint(saved)
    saved.unlink()
    assert open_checkpoint(opened) is opened
    load_weights(model(), opened)


def test_options_are_kept_as_the_config_has_them_in_the_end():
    config = Config(dict(model=dict(
        fusion=dict(type='Fusion', channels=3, published_a=False, published_b=None),
        layers=[dict(published_c=2)], published_off=None)))
    options = {'model.fusion': dict(published_a=True, published_b=True), 'model.published_off': 1,
               'model.layers.0.published_c': 1, 'model.layers.1.published_c': 1}
    assert options_in_effect(options, config) == {
        'model.fusion': dict(published_a=False), 'model.layers.0.published_c': 2}


@pytest.mark.parametrize('name', [1, (1, 2), None])
def test_weights_without_names_are_none(tmp_path, name):
    torch.save({'state_dict': {name: torch.zeros(1)}}, tmp_path / 'weights.pth')
    for read in (open_checkpoint, read_published):
        with pytest.raises(CheckpointError, match='holds no weights'):
            read(tmp_path / 'weights.pth')


@pytest.mark.parametrize('prefix', ['module.module.', '_orig_mod.', 'module._orig_mod.',
                                    '_orig_mod.module.module.'])
def test_wrappers_of_any_number_are_taken_off(tmp_path, prefix):
    """DistributedDataParallel within itself, within torch.compile, and the reverse."""
    source, model = nn.Linear(3, 2), nn.Linear(3, 2)
    state = {f'{prefix}{name}': value for name, value in source.state_dict().items()}
    torch.save(dict(state_dict=state), tmp_path / 'a.pth')
    load_weights(model, tmp_path / 'a.pth')
    assert torch.equal(model.weight, source.weight)
    assert sorted(read_published(tmp_path / 'a.pth')) == ['bias', 'weight']


def test_the_weights_of_two_models_are_not_mixed(tmp_path):
    weights = nn.Linear(3, 2).state_dict()
    torch.save(dict(weights, **{'module.weight': torch.zeros(2, 3)}), tmp_path / 'a.pth')
    for read in (open_checkpoint, read_published):
        with pytest.raises(CheckpointError, match=r'holds weight and module\.weight'):
            read(tmp_path / 'a.pth')


def test_the_weights_of_an_averaged_model_are_its_models(tmp_path):
    source, model = nn.Linear(3, 2), nn.Linear(3, 2)
    averaged = torch.optim.swa_utils.AveragedModel(source)
    torch.save(averaged.state_dict(), tmp_path / 'a.pth')
    load_weights(model, tmp_path / 'a.pth')
    assert torch.equal(model.weight, source.weight)


@pytest.mark.parametrize(('change', 'message'), [
    (lambda value: value.to(torch.complex64), 'weight is of complex64 where the model has real'),
    (lambda value: (value * 9).to(torch.int8), r'weight is of int8 .* \(quantized\?\)'),
    (lambda value: value.to_sparse(), 'weight is sparse or quantized'),
    (lambda value: value.to('meta'), 'weight has no numbers'),
])
def test_weights_of_another_kind_are_not_copied(tmp_path, change, message):
    model = nn.Linear(3, 2)
    weights = {**model.state_dict(), 'weight': change(model.weight.detach())}
    torch.save(weights, tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match=f'a.pth: {message}'):
        load_weights(model, tmp_path / 'a.pth')


def test_negative_variances_are_refused(tmp_path):
    """They give NaN, and a detector that finds nothing."""
    model = nn.BatchNorm1d(3)
    weights = {**model.state_dict(), 'running_var': torch.tensor([1.0, -1, 1])}
    torch.save(weights, tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match=r'negative variances in 1 .*\(running_var\)'):
        load_weights(model, tmp_path / 'a.pth')


@pytest.mark.parametrize('prefix', ['model.', 'lightning.detector.', 'first.'])
@pytest.mark.parametrize('allow_partial', [False, True])
def test_a_trainers_own_prefix_is_taken_off(tmp_path, prefix, allow_partial):
    """Lightning saves the weights of its module, whose attribute the detector is."""
    source = nn.Sequential(Versioned(2, 3))
    state = {f'{prefix}{name}': value for name, value in source.state_dict().items()}
    torch.save({'state_dict': state, 'pytorch-lightning_version': '2.1'}, tmp_path / 'a.ckpt')
    receiver = nn.Sequential(Versioned(2, 3))
    load_weights(receiver, tmp_path / 'a.ckpt', allow_partial)
    assert torch.equal(receiver[0].weight, source[0].weight)


def test_layers_of_a_prefix_keep_their_versions(tmp_path):
    class Trainer(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = nn.Sequential(Versioned(3, 3))

    source, receiver = Trainer(), nn.Sequential(Versioned(3, 3))
    torch.save({'state_dict': source.state_dict()}, tmp_path / 'a.ckpt')
    load_weights(receiver, tmp_path / 'a.ckpt')
    assert torch.equal(receiver[0].weight, source.model[0].weight)


def test_a_prefix_of_some_weights_is_not_taken_off(tmp_path):
    state = {f'model.{name}': value for name, value in model().state_dict().items()}
    for more in ({'loss.weight': torch.ones(1)}, {'first.weight': torch.ones(3, 2)}):
        torch.save({'state_dict': {**state, **more}}, tmp_path / 'a.ckpt')
        with pytest.raises(CheckpointError, match='of another model'):
            load_weights(model(), tmp_path / 'a.ckpt')


@pytest.mark.parametrize('allow_partial', [False, True])
def test_weights_that_were_never_filled_in(tmp_path, allow_partial):
    state = {name: torch.zeros_like(value) for name, value in model().state_dict().items()}
    torch.save({'state_dict': state}, tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match='all of its 4 weights are zero'):
        load_weights(model(), tmp_path / 'a.pth', allow_partial)
    state['second.bias'] += 1
    torch.save({'state_dict': state}, tmp_path / 'a.pth')
    load_weights(model(), tmp_path / 'a.pth', allow_partial)


@pytest.mark.parametrize('wrapped', [False, True])
def test_weights_as_numpy_arrays_are_told_so(tmp_path, wrapped):
    state = {name: value.numpy() for name, value in model().state_dict().items()}
    torch.save(dict(state_dict=state) if wrapped else state, tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match='its weights are NumPy arrays; save them as tens'):
        open_checkpoint(tmp_path / 'a.pth')


def test_an_address_that_leads_nowhere():
    with pytest.raises(CheckpointError, match='torchvision://no_such_model cannot be fetched'):
        open_checkpoint('torchvision://no_such_model')


@pytest.mark.filterwarnings('ignore::pytest.PytestUnraisableExceptionWarning')  # fsspec's own
def test_a_server_that_an_address_does_not_suffice_for():
    with pytest.raises(CheckpointError, match='ftp://a.b/c.pth has a scheme that nothing reads'):
        open_checkpoint('ftp://a.b/c.pth')
