from __future__ import annotations

from types import SimpleNamespace

import pytest

from sparse3d.apis import train
from sparse3d.engine.hooks.validate_before_training import ValidateBeforeTrainingHook

SHORT = {'train_cfg.max_epochs': 1, 'param_scheduler.0.total_steps': 1}


@pytest.mark.parametrize('batches, frames', [(None, 4), (1, 2), (100, 4)])
def test_the_metric_sees_the_frames_of_the_batches(tiny_config, tmp_path, capsys, batches, frames):
    train(tiny_config, tmp_path, {**SHORT, 'default_hooks.validate_first.max_batches': batches})
    assert f'Validation before training works: {frames} frames' in capsys.readouterr().out


def test_a_resumed_training_does_not_repeat_it(tiny_config, tmp_path, capsys):
    train(tiny_config, tmp_path, SHORT)
    capsys.readouterr()
    train(tiny_config, tmp_path, {**SHORT, 'val_evaluator.broken': False}, resume='auto')
    assert 'Validation before training' not in capsys.readouterr().out


def test_nothing_is_logged_or_kept_as_a_result(tiny_config, tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr('mmengine.hooks.CheckpointHook.after_val_epoch',
                        lambda self, runner, metrics: calls.append(runner.epoch))
    train(tiny_config, tmp_path, {**SHORT, 'train_cfg.val_interval': 1})
    assert calls == [1]


def test_a_training_without_validation(tiny_config, tmp_path):
    from sparse3d.apis import load_config
    config = load_config(tiny_config, SHORT)
    config.val_dataloader = config.val_evaluator = config.val_cfg = None
    assert train(config, tmp_path).metrics == {}


class Loader(list):
    """Batches of this process, of a set of twelve frames."""

    dataset = range(12)


def test_frames_of_processes_that_have_unequal_numbers_are_all_evaluated(monkeypatch):
    """Scenes of 5, 4 and 3 frames: the first process has one of them, the other two."""
    monkeypatch.setattr('sparse3d.engine.hooks.validate_before_training.all_gather_object',
                        lambda frames: [frames, 7])
    evaluator = SimpleNamespace(process=lambda **given: None, evaluate=lambda size: {'size': size})
    runner = SimpleNamespace(
        model=SimpleNamespace(eval=lambda: None, val_step=list),
        val_loop=SimpleNamespace(fp16=False, evaluator=evaluator,
                                 dataloader=Loader([[0, 1], [2, 3], [4]])))
    assert ValidateBeforeTrainingHook()._validate(runner) == (12, {'size': 12})


def test_it_is_off_for_a_runner_without_validation_loop():
    said = []
    runner = SimpleNamespace(val_loop=None, iter=0, hooks=[],
                             logger=SimpleNamespace(info=said.append))
    ValidateBeforeTrainingHook().before_train(runner)
    assert said == []
