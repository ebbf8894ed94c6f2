"""A training does not begin among the checkpoints of another unasked."""
from __future__ import annotations

import errno
import shutil

import pytest
import torch

from sparse3d.apis import train
from sparse3d.atomic_files import UnwritableFile
from sparse3d.checkpoints.open import latest_checkpoint
from sparse3d.engine.hooks import NonFiniteLoss
from sparse3d.engine.training_folder import check_folder, explained_full_disk, remove_checkpoints
from sparse3d.engine.training_log import read_training
from sparse3d.errors import ConfigError, DataError


@pytest.fixture
def trained(tiny_config, tmp_path):
    train(tiny_config, tmp_path, epochs=2)
    return tmp_path


def names(folder):
    return sorted(path.name for path in folder.glob('*.pth'))


def test_a_second_training_says_how_to_go_on_or_anew(tiny_config, trained):
    before = (trained / 'epoch_1.pth').read_bytes()
    with pytest.raises(ConfigError, match=r'already holds epoch_2.pth .*--resume.*--overwrite'):
        train(tiny_config, trained, epochs=1)
    assert (trained / 'epoch_1.pth').read_bytes() == before


def test_it_may_be_resumed_looked_over_or_begun_anew(tiny_config, trained):
    assert train(tiny_config, trained, epochs=2, resume='auto').epochs == 2
    config = (trained / 'tiny_config.py').read_bytes()
    train(tiny_config, trained, {'model.width': 16}, dry_run=True)
    assert (trained / 'tiny_config.py').read_bytes() == config
    assert names(trained) == ['epoch_1.pth', 'epoch_2.pth']
    result = train(tiny_config, trained, epochs=1, overwrite=True)
    assert names(trained) == ['epoch_1.pth'] and result.checkpoint.name == 'epoch_1.pth'


def test_numbers_of_a_removed_training_are_not_those_of_the_new_one(tiny_config, trained):
    train(tiny_config, trained, epochs=1, overwrite=True)
    logged = read_training(trained)
    assert [row['step'] for row in logged.iterations] == [1, 2]  # of four that were removed
    assert len(list(trained.glob('*/vis_data/scalars*.json'))) == 2


def test_nothing_is_removed_for_a_training_that_cannot_begin(tiny_config, trained):
    with pytest.raises(ConfigError):
        train(tiny_config, trained, {'optim_wrapper.optimizer.type': 'Absent'}, overwrite=True)
    assert names(trained) == ['epoch_1.pth', 'epoch_2.pth']


def test_weights_to_start_from_are_not_removed(tiny_config, trained):
    start = trained / 'epoch_2.pth'
    weights = torch.load(start)['state_dict']
    train(tiny_config, trained, {'load_from': str(start)},
          epochs=1, overwrite=True)
    assert names(trained) == ['epoch_1.pth', 'epoch_2.pth']
    assert torch.load(start)['state_dict'].keys() == weights.keys()


def test_an_encoder_of_the_pre_training_before_goes_unless_it_is_what_begins(tmp_path):
    """Or it would stand there as that of a new pre-training that was interrupted."""
    for kept, left in ((tmp_path / 'encoder.pth', ['encoder.pth', 'other.pth']),
                       (None, ['other.pth'])):
        for name in ('epoch_1.pth', 'encoder.pth', 'other.pth'):
            (tmp_path / name).write_text('')
        remove_checkpoints(tmp_path, but=kept)
        assert names(tmp_path) == left


def test_going_on_and_beginning_anew_are_not_asked_for_together(tiny_config, trained):
    with pytest.raises(ConfigError, match='give one of them'):
        train(tiny_config, trained, overwrite=True, resume='auto')


def test_a_training_that_cannot_begin_leaves_the_checkpoints_of_the_other(tiny_config, trained):
    there = names(trained)
    for options in ({'val_evaluator.broken': True},            # found by validating
                    {'param_scheduler.0.by_epoch': False,      # found when schedules are built
                     'param_scheduler.0.convert_to_iter_based': False,
                     'param_scheduler.0.total_steps': 900, 'train_cfg.max_epochs': 2}):
        with pytest.raises((ConfigError, RuntimeError)):
            train(tiny_config, trained, options, overwrite=True)
        assert names(trained) == there


def test_a_place_that_cannot_hold_a_training_is_told_first(tmp_path, monkeypatch):
    (tmp_path / 'file').write_text('')
    with pytest.raises(UnwritableFile, match='file could not be made'):
        check_folder(tmp_path / 'file', False, False)
    (tmp_path / 'read_only').mkdir()
    monkeypatch.setattr('os.access', lambda path, mode: False)  # root may write everywhere
    with pytest.raises(UnwritableFile, match='read_only is not to be written to; choose another'):
        check_folder(tmp_path / 'read_only', False, False)


def test_what_fails_or_only_looks_leaves_nothing(tiny_config, tmp_path):
    train(tiny_config, tmp_path / 'looked/at', dry_run=True)
    assert list(tmp_path.iterdir()) == []
    absent = {'optim_wrapper.optimizer.type': 'Absent'}
    with pytest.raises(ConfigError):
        train(tiny_config, tmp_path / 'failed/here', absent)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / 'mine').mkdir()
    (tmp_path / 'mine/notes').write_text('')
    with pytest.raises(ConfigError):
        train(tiny_config, tmp_path / 'mine', absent)
    assert [path.name for path in (tmp_path / 'mine').iterdir()] == ['notes']


def test_what_has_begun_keeps_its_logs(tiny_config, tmp_path):
    with pytest.raises(NonFiniteLoss):
        train(tiny_config, tmp_path / 'begun', {'train_dataloader.dataset.jitter': 1e38})
    assert list((tmp_path / 'begun').glob('*/*.log'))
    assert (tmp_path / 'begun/non_finite_batch.pth').is_file()


def test_a_folder_that_cannot_be_made_is_a_sentence(tiny_config, tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(DataError, match='the folder .*file/deep could not be made'):
        train(tiny_config, tmp_path / 'file/deep')


def test_a_log_on_a_full_disk_is_one_sentence(tiny_config, tmp_path, monkeypatch):
    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr('mmengine.visualization.LocalVisBackend.add_scalars', full)
    with pytest.raises(UnwritableFile, match='a file in .* could not be written: No space left on '
                                             'device; make room and go on with --resume'):
        train(tiny_config, tmp_path)


def test_other_errors_of_the_system_stay_as_they_are(tmp_path):
    with pytest.raises(FileNotFoundError), explained_full_disk(tmp_path, 'go on'):
        (tmp_path / 'absent').read_bytes()


def test_a_training_from_elsewhere_does_not_go_on_among_other_checkpoints(tiny_config, trained):
    before = (trained / 'epoch_2.pth').read_bytes()
    train(tiny_config, trained / 'other', epochs=2)
    with pytest.raises(ConfigError, match='already holds epoch_2.pth .*other/epoch_1.pth, from '):
        train(tiny_config, trained, epochs=2, resume=trained / 'other/epoch_1.pth')
    assert (trained / 'epoch_2.pth').read_bytes() == before
    train(tiny_config, trained, epochs=2, resume=trained / 'epoch_1.pth')


def test_a_copy_of_a_folder_goes_on_from_its_own_checkpoint(trained, tmp_path_factory):
    copy = tmp_path_factory.mktemp('copies') / 'copy'
    shutil.copytree(trained, copy)
    assert latest_checkpoint(copy) == copy / 'epoch_2.pth'
