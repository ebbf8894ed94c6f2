from __future__ import annotations

import pytest
from mmdet3d.registry import MODELS
from mmengine.registry import init_default_scope

from sparse3d.engine.registry_errors import clear_registry_errors
from sparse3d.errors import ConfigError


@pytest.fixture(autouse=True)
def _scope():
    init_default_scope('mmdet3d')


def test_an_unknown_name_deep_in_a_model():
    model = {'type': 'VoxelDetector', 'voxel_encoder': {'type': 'HardSimpleVEF'},
             'middle_encoder': {}, 'backbone': {}, 'bbox_head': {}}
    with pytest.raises(ConfigError, match="'HardSimpleVEF'.*did you mean 'HardSimpleVFE'") as error:
        with clear_registry_errors():
            MODELS.build(model)
    assert '\n' not in str(error.value)


def test_an_unknown_argument():
    with pytest.raises(ConfigError, match="HardSimpleVFE an option 'num_feature'"):
        with clear_registry_errors():
            MODELS.build({'type': 'HardSimpleVFE', 'num_feature': 4})


@pytest.mark.parametrize('part, words', [
    ({'type': 'VoxelDetector', 'backbone': {}, 'bbox_head': {}},
     "gives VoxelDetector no 'voxel_encoder' and 'middle_encoder', which"),
    (5, 'no dict with a type but'),
])
def test_a_part_that_lacks_what_it_needs(part, words):
    with pytest.raises(ConfigError, match=words), clear_registry_errors():
        MODELS.build(part)


def test_a_part_without_a_type():
    with pytest.raises(ConfigError, match=r"says no type: \{'interval': 1\}; give it") as caught, \
            clear_registry_errors():
        MODELS.build(dict(interval=1))
    assert '\n' not in str(caught.value)


def test_other_errors_pass():
    with pytest.raises(KeyError, match='something else'):
        with clear_registry_errors():
            raise KeyError('something else')
