"""Which of the arguments is the config, the checkpoint, a cloud."""
from __future__ import annotations

from types import SimpleNamespace

import pytest

from sparse3d.errors import ConfigError
from sparse3d_cli.detect import configs


def sorted_out(config: str, checkpoint: str, *clouds: str) -> tuple:
    arguments = SimpleNamespace(config=config, checkpoint=checkpoint, clouds=list(clouds))
    named = configs(arguments)
    return arguments.config, arguments.checkpoint, arguments.clouds, named


@pytest.mark.parametrize('model', ['hf://one/car', 'hf://one/car@main', 'a.pth', 'A.SafeTensors'])
def test_a_model_that_holds_its_config_stands_alone(model):
    assert sorted_out(model, 'x.bin') == (model, None, ['x.bin'], [])
    assert sorted_out(model, 'x.bin', 'y.bin') == (model, None, ['x.bin', 'y.bin'], [])


def test_a_config_has_weights_of_its_own():
    for weights in ('a.pth', 'hf://one/car'):
        assert sorted_out('mine', weights, 'x.bin') == ('mine', weights, ['x.bin'], ['mine'])
    with pytest.raises(ConfigError, match='mine and a.pth are given, and no cloud'):
        sorted_out('mine', 'a.pth')
