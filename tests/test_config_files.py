"""Configs: one order of names, steps found by type, no plug-in named by the core's."""
from __future__ import annotations

import re
from pathlib import Path

import pytest

from sparse3d.plugins import plugins

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
LEAVES = sorted(path for path in CONFIGS.rglob('*.py')
                if path.stem != '__init__' and '_base_' not in path.parts)
ALL = sorted(CONFIGS.rglob('*.py'))
METHODS = ('centerpoint', 'dsvt', 'focalsconv', 'pv_rcnn', 'second', 'pointpillars', 'sparsebev',
           'sparsefusion', 'transfusion_l', 'voxel_rcnn', 'voxelkp', 'sparse4d', 'safdnet', 'sdf')
DATA_SET = r'(simulated_)?(kitti_(car|3class)|nuscenes|waymo|argoverse2|custom_data)'
# What is done on the data: length, frames, parts of it, conditions of the test.
WHAT = (r'\d+e|\d+frames?_\d+e|quarter|tta|trainval|overfit|pasted|long|half_beams|'
        r'front_camera_lost')


@pytest.mark.parametrize('path', LEAVES, ids=lambda path: path.stem)
def test_a_name_is_method_variant_data_set_what(path):
    found = re.fullmatch(rf'(?P<method>\w+?)_{DATA_SET}(_({WHAT}))?', path.stem)
    assert found, f'{path.stem} is not <method>_<variant>_<data set>[_<what>]'
    assert found['method'].startswith(METHODS)


@pytest.mark.parametrize('path', ALL, ids=lambda path: path.stem)
def test_steps_are_found_by_type_and_not_by_position(path):
    assert not re.search(r'pipeline\s*\[', path.read_text())


@pytest.mark.parametrize('path', [path for path in ALL if 'baselines' in path.parts
                                  or path.parent.name in ('datasets', '_base_')],
                         ids=lambda path: path.stem)
def test_configs_of_the_core_name_no_plug_in(path):
    code = '\n'.join(line.partition('#')[0] for line in path.read_text().splitlines())
    names = [name for name, owner in plugins().items() if owner.modules]
    assert len(names) >= 5
    assert not [name for name in names if re.search(rf'\b{name}\b', code)]
