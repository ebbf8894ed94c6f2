from __future__ import annotations

import pytest
from torch import Size

from sparse3d.weight_sparsity.schedules import (
    erdos_renyi_kernel,
    gradual_sparsity,
    replaced_share,
    uniform,
)


def test_the_cubic():
    assert gradual_sparsity(0, 0.8) == 0 and gradual_sparsity(1, 0.8) == 0.8
    assert gradual_sparsity(0.5, 0.8) == pytest.approx(0.8 * (1 - 0.125))
    assert gradual_sparsity(-1, 0.8) == 0 and gradual_sparsity(3, 0.8) == 0.8


def test_the_cosine():
    assert replaced_share(0) == 0.3 and replaced_share(1) == pytest.approx(0)
    assert replaced_share(0.5) == pytest.approx(0.15)


def test_shares_over_layers_keep_the_number_of_weights():
    shapes = {'large': Size((256, 256)), 'small': Size((32, 32)), 'conv': Size((64, 64, 3, 3))}
    found = erdos_renyi_kernel(shapes, 0.8)
    zeros = sum(found[name] * shape.numel() for name, shape in shapes.items())
    assert zeros == pytest.approx(0.8 * sum(shape.numel() for shape in shapes.values()))
    assert found['small'] < found['large']
    assert (1 - found['conv']) / (1 - found['large']) == pytest.approx(
        ((64 + 64 + 3 + 3) / (64 * 64 * 9)) / (512 / 256 ** 2))
    assert uniform(shapes, 0.8) == dict.fromkeys(shapes, 0.8)


def test_a_layer_is_no_more_than_dense():
    shapes = {'large': Size((512, 512)), 'tiny': Size((4, 4))}
    found = erdos_renyi_kernel(shapes, 0.5)
    assert found['tiny'] == 0
    assert found['large'] == pytest.approx(0.5 * (512 ** 2 + 16) / 512 ** 2)
