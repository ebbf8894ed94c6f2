from __future__ import annotations

import pytest
import torch

from sparse3d.apis import train
from sparse3d.engine.hooks.atomic_checkpoint import AtomicCheckpointHook, AtomicFileBackend
from sparse3d.errors import ConfigError, DataError


def test_a_file_is_replaced_as_a_whole_or_stays(tmp_path, monkeypatch):
    path = tmp_path / 'sub' / 'file.pth'
    AtomicFileBackend().put(b'old', path)

    def fail(*_):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr('os.replace', fail)
    with pytest.raises(DataError, match='No space left'):
        AtomicFileBackend().put(b'new', path)
    assert path.read_bytes() == b'old' and [p.name for p in path.parent.iterdir()] == ['file.pth']


def test_functions_are_left_out_of_the_state_of_schedules():
    states = [{'last_step': 1, 'anneal_func': len}]
    for schedules in (states, {'backbone': states}):
        AtomicCheckpointHook().before_save_checkpoint(None, {'param_schedulers': schedules})
    assert states == [{'last_step': 1}]
    AtomicCheckpointHook().before_save_checkpoint(None, {'state_dict': {}})


def test_the_last_and_the_best_are_kept(tiny_config, tmp_path):
    result = train(tiny_config, tmp_path, {
        'default_hooks.checkpoint.max_keep_ckpts': 2,
        'default_hooks.checkpoint.save_best': 'distance',
        'default_hooks.checkpoint.rule': 'less', 'train_cfg.val_interval': 1})
    assert sorted(path.name for path in tmp_path.glob('*.pth')) == [
        'best_distance_epoch_4.pth', 'epoch_3.pth', 'epoch_4.pth']
    best = torch.load(tmp_path / 'best_distance_epoch_4.pth')['state_dict']
    last = torch.load(result.checkpoint)['state_dict']
    assert all(torch.equal(best[name], last[name]) for name in last)


@pytest.mark.parametrize('save_best', ['auto', 'distance'])
def test_the_best_is_found_without_a_rule(tiny_config, tmp_path, save_best):
    train(tiny_config, tmp_path, {'default_hooks.checkpoint.save_best': save_best,
                                  'train_cfg.val_interval': 1})
    assert [path.name for path in tmp_path.glob('best*')] == ['best_distance_epoch_4.pth']


@pytest.mark.parametrize('save_best, sentence', [
    ('frames', 'whether more of frames is better is not known'),
    ('nuscenes/NDS', "names 'nuscenes/NDS', which the validation does not give; it gives ")])
def test_a_best_that_cannot_be_found_is_refused_before_the_training(
        tiny_config, tmp_path, save_best, sentence):
    with pytest.raises(ConfigError, match=sentence):
        train(tiny_config, tmp_path, {'default_hooks.checkpoint.save_best': save_best})
    assert list(tmp_path.glob('*.pth')) == []


def test_auto_without_a_known_score_is_refused_unless_there_is_a_rule():
    with pytest.raises(ConfigError, match='name one of frames'):
        AtomicCheckpointHook(save_best='auto').check_scores({'frames': 4})
    AtomicCheckpointHook(save_best='auto', rule='greater').check_scores({'frames': 4})


def test_a_best_checkpoint_of_the_same_name_survives_the_removal_of_the_old(tmp_path):
    hook = AtomicCheckpointHook(interval=1, save_best='score', rule='greater')
    backend = AtomicFileBackend()
    path = str(tmp_path / 'best.pth')
    backend.put(b'new', path)
    hook.file_backend, hook._remove_now = backend, backend.remove
    hook._outdated, hook.best_ckpt_path, hook.out_dir = [path], path, str(tmp_path)
    hook._remove_outdated()
    assert (tmp_path / 'best.pth').exists() and hook._outdated == []


@pytest.mark.parametrize('what', ['file', 'folder', 'step'])
def test_a_resumed_checkpoint_cannot_have_files_elsewhere_removed(tiny_config, tmp_path, what):
    """mmengine removes what the message hub of a resumed checkpoint calls outdated."""
    mine = tmp_path / 'mine' / 'thesis.pth'
    mine.parent.mkdir()
    mine.write_text('the only copy')
    (tmp_path / 'epoch_').mkdir()
    options = {'default_hooks.checkpoint.save_best': 'distance', 'train_cfg.val_interval': 1,
               'default_hooks.checkpoint.rule': 'less', 'train_cfg.max_epochs': 2,
               'param_scheduler.0.total_steps': 2}
    path = tmp_path / 'run' / 'epoch_1.pth'
    train(tiny_config, path.parent, options)
    content = torch.load(path)
    noted = content['message_hub']['runtime_info']
    noted['best_score'] = 1e9
    if what == 'step':
        (path.parent / 'epoch_').mkdir()
        noted['keep_ckpt_ids'] = ['/../../mine/thesis']
    else:
        noted['best_ckpt'] = str(mine if what == 'file' else mine.parent)
    torch.save(content, path)
    options['default_hooks.checkpoint.max_keep_ckpts'] = 1
    train(tiny_config, path.parent, options, resume=path)
    assert mine.read_text() == 'the only copy'
