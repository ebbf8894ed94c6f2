"""What is built late in a training is looked over at its beginning."""
from __future__ import annotations

from pathlib import Path

import pytest

from sparse3d.apis import load_config, train
from sparse3d.engine.config_parts import check_parts
from sparse3d.errors import ConfigError

ROOT = Path(__file__).resolve().parents[3]
CONFIGS = [path for path in sorted(ROOT.glob('configs/*/*.py')) if path.parent.name != '_base_']


@pytest.mark.parametrize('config', CONFIGS, ids=lambda path: path.stem)
def test_every_config_of_the_repository_passes(config):
    check_parts(load_config(config).to_dict())


@pytest.mark.parametrize('change, sentence', [
    (dict(train_dataloader=dict(batchsize=2)),
     r"train_dataloader .* 'batchsize' .* did you mean 'batch_size'"),
    (dict(train_dataloader=dict(sampler=dict(shufle=True))), "did you mean 'shuffle'"),
    (dict(val_dataloader=dict(dataset=dict(type='TinyFrame'))),
     r"val_dataloader.dataset.type .* 'TinyFrame'.*did you mean 'TinyFrames'"),
    (dict(train_dataloader=dict(dataset=dict(frame=3))), "TinyFrames does not take; did you mean"),
    (dict(val_evaluator=dict(brokn=True)), "'brokn' .*TinyMetric .*did you mean 'broken'"),
    (dict(optim_wrapper=dict(optimzer=1)), "'optimzer' .* did you mean 'optimizer'"),
    (dict(optim_wrapper=dict(optimizer=dict(type='AdmW'))), "did you mean 'AdamW'"),
    (dict(optim_wrapper=dict(optimizer=dict(weight_deacy=1))), "did you mean 'weight_decay'"),
    (dict(param_scheduler=[dict(type='OneCycleLR', eta_mx=1, total_steps=4)]), "mean 'eta_max'"),
    (dict(param_scheduler=dict(type='OneCycleLr', eta_max=1)), "did you mean 'OneCycleLR'"),
    (dict(default_hooks=dict(logger=dict(intervall=5))), "did you mean 'interval'"),
    (dict(custom_hooks=[dict(type='KillHok', iteration=1)]), r"custom_hooks.0.type .*'KillHook'"),
    (dict(train_cfg=dict(max_epoch=3)), "train_cfg .*'max_epoch' .*did you mean 'max_epochs'"),
])
def test_a_config_with_a_slip_is_refused_before_anything_is_built(
        tiny_config, tmp_path, change, sentence):
    config = load_config(tiny_config)
    whole = {'param_scheduler', 'custom_hooks'}  # lists take the place of lists
    config.merge_from_dict({key: value for key, value in change.items() if key not in whole})
    config.update({key: value for key, value in change.items() if key in whole})
    with pytest.raises(ConfigError, match=sentence):
        train(config, tmp_path / 'work')
    assert not (tmp_path / 'work').exists()
