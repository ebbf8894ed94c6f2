"""The size of a graph's images, from config and preprocessor."""
from __future__ import annotations

from types import SimpleNamespace

import pytest
from mmengine.config import Config

from sparse3d.deploy.image_sizes import image_size_of, padded_size
from sparse3d.errors import ConfigError

pytestmark = pytest.mark.fast


def config(*pipeline: dict) -> Config:
    return Config(dict(test_dataloader=dict(dataset=dict(pipeline=list(pipeline)))))


def test_the_size_of_the_test_pipeline():
    assert image_size_of(config(dict(type='LoadMultiViewImages'),
                                dict(type='AugmentImages', size=[96, 256]))) == (96, 256)
    with pytest.raises(ConfigError, match='has no AugmentImages'):
        image_size_of(config(dict(type='LoadPoints')))


def test_padding_fills_up_to_the_divisor():
    detector = SimpleNamespace(data_preprocessor=SimpleNamespace(size_divisor=32))
    assert padded_size(detector, (96, 250)) == (96, 256)
    assert padded_size(detector, (97, 1)) == (128, 32)
