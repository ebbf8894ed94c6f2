"""A feature cache is lent for a validation or a test, and taken back whatever happens."""
from __future__ import annotations

from types import SimpleNamespace

import pytest
from torch import nn

from sparse3d.apis import load_config, train
from sparse3d.engine.hooks import FeatureReuseHook, reusing_features


class Temporal(nn.Module):
    feature_cache = None

    def new_feature_cache(self):
        return {}


class Wrapper(nn.Module):
    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module


def test_the_cache_is_there_while_the_block_runs_and_new_each_time():
    model = Temporal()
    with reusing_features(Wrapper(Wrapper(model))):
        first = model.feature_cache
        assert first == {}
    assert model.feature_cache is None
    with pytest.raises(RuntimeError), reusing_features(model):
        assert model.feature_cache is not first
        raise RuntimeError
    assert model.feature_cache is None


def test_a_model_of_single_frames_is_left_alone():
    model = nn.Linear(1, 1)
    with reusing_features(model):
        assert not hasattr(model, 'feature_cache')


@pytest.mark.parametrize('kind', ['val', 'test'])
def test_the_hook_begins_and_ends_with_the_epoch(kind):
    model, hook = Temporal(), FeatureReuseHook()
    runner = SimpleNamespace(model=model)
    getattr(hook, f'before_{kind}_epoch')(runner)
    interrupted = model.feature_cache
    getattr(hook, f'before_{kind}_epoch')(runner)  # the last one never came to its end
    assert model.feature_cache is not interrupted and model.feature_cache is not None
    getattr(hook, f'after_{kind}_epoch')(runner, metrics={})
    assert model.feature_cache is None


def test_every_run_has_the_hook_and_a_validation_uses_it(tiny_config, tmp_path, monkeypatch):
    config, lent = load_config(tiny_config), []
    config.train_cfg.update(max_epochs=1, val_interval=1)
    config.param_scheduler = None
    monkeypatch.setattr(FeatureReuseHook, 'before_val_epoch', lambda hook, runner: lent.append(1))
    train(config, tmp_path)
    assert lent == [1]
