"""A driver predicts during a validation or a test, and is gone afterwards whatever happens."""
from __future__ import annotations

from types import SimpleNamespace

import pytest
from torch import nn

from sparse3d.apis import load_config, train
from sparse3d.engine.hooks import FeatureReuseHook, feature_reuse, reusing_features
from sparse3d.plugins import Plugin


class Temporal(nn.Module):
    def predict(self, batch_inputs, data_samples):
        return 'alone'


class Driver:
    def __init__(self, model):
        self.model, self.kept = model, []

    def predict(self, batch_inputs, data_samples):
        self.kept.append(data_samples)
        return f'driven {len(self.kept)}'


@pytest.fixture(autouse=True)
def plugin(monkeypatch):
    """A plug-in that names a driver for Temporal and none for others."""
    owner = Plugin(name='zz', modules=('zz',), sequence='zz:drive')
    monkeypatch.setattr(feature_reuse, 'plugin_of',
                        lambda model: owner if isinstance(model, Temporal) else None)
    monkeypatch.setattr(feature_reuse, 'load', lambda reference: Driver)


class Wrapper(nn.Module):
    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module


def test_the_driver_predicts_while_the_block_runs_and_is_new_each_time():
    model = Temporal()
    with reusing_features(Wrapper(Wrapper(model))) as driver:
        assert driver.model is model
        assert [model.predict({}, []) for _ in range(2)] == ['driven 1', 'driven 2']
    assert model.predict({}, []) == 'alone'
    with pytest.raises(RuntimeError), reusing_features(model) as another:
        assert model.predict({}, []) == 'driven 1' and another is not driver
        with reusing_features(model):
            assert model.predict({}, []) == 'driven 1'
        assert model.predict({}, []) == 'driven 2'
        raise RuntimeError
    assert model.predict({}, []) == 'alone' and 'predict' not in vars(model)


def test_a_model_of_single_frames_is_left_alone():
    model = nn.Linear(1, 1)
    with reusing_features(model) as driver:
        assert driver is None and not hasattr(model, 'predict')


@pytest.mark.parametrize('kind', ['val', 'test'])
def test_the_hook_begins_and_ends_with_the_epoch(kind):
    model, hook = Temporal(), FeatureReuseHook()
    runner = SimpleNamespace(model=model)
    getattr(hook, f'before_{kind}_epoch')(runner)
    assert model.predict({}, []) == 'driven 1'
    getattr(hook, f'before_{kind}_epoch')(runner)  # the last one never came to its end
    assert model.predict({}, []) == 'driven 1'
    getattr(hook, f'after_{kind}_epoch')(runner, metrics={})
    assert model.predict({}, []) == 'alone'


def test_every_run_has_the_hook_and_a_validation_uses_it(tiny_config, tmp_path, monkeypatch):
    config, lent = load_config(tiny_config), []
    config.train_cfg.update(max_epochs=1, val_interval=1)
    config.param_scheduler = None
    monkeypatch.setattr(FeatureReuseHook, 'before_val_epoch', lambda hook, runner: lent.append(1))
    train(config, tmp_path)
    assert lent == [1]
