"""Configs: one order of names, steps found by type, no plug-in named by the core's."""
from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from sparse3d.engine.registered import find_registered
from sparse3d.plugins import plugins, register

register(plugins().values())
CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
LEAVES = sorted(path for path in CONFIGS.rglob('*.py')
                if path.stem != '__init__' and '_base_' not in path.parts)
ALL = sorted(CONFIGS.rglob('*.py'))
METHODS = ('centerpoint', 'dsvt', 'focalsconv', 'pv_rcnn', 'second', 'pointpillars', 'sparsebev',
           'sparsefusion', 'transfusion_l', 'voxel_rcnn', 'voxelkp', 'sparse4d', 'safdnet',
           'hednet', 'sdf', 'spsconv')
DATA_SET = (r'(simulated_)?(kitti_(car|3class)|nuscenes|waymo|argoverse2|custom_data|'
            r'anywhere(_car)?)')
# What is done on the data: length, frames, parts of it, conditions of the test.
WHAT = (r'\d+e|\d+frames?_\d+e|quarter|tta|trainval|overfit|pasted|long|half_beams|'
        r'front_camera_lost|night|adaptation')


@pytest.mark.parametrize('path', LEAVES, ids=lambda path: path.stem)
def test_a_name_is_method_variant_data_set_what(path):
    found = re.fullmatch(rf'(?P<method>\w+?)_{DATA_SET}(_({WHAT}))?', path.stem)
    assert found, f'{path.stem} is not <method>_<variant>_<data set>[_<what>]'
    assert found['method'].startswith(METHODS)


@pytest.mark.parametrize('path', ALL, ids=lambda path: path.stem)
def test_steps_are_found_by_type_and_not_by_position(path):
    assert not re.search(r'pipeline\s*\[', path.read_text())


@pytest.mark.parametrize('path', [path for path in ALL if path.relative_to(CONFIGS).parts[0] in (
    'baselines', '_base_')], ids=lambda path: path.stem)
def test_configs_of_the_core_name_no_plug_in(path):
    """Neither by its name, in comments as well, nor by a type that it registers."""
    text = path.stem + path.read_text()
    names = [name for name, owner in plugins().items() if owner.modules]
    assert len(names) >= 5
    assert not [name for name in names if re.search(name, text, re.IGNORECASE)]
    packages = {module.partition('.')[0] for name in names for module in plugins()[name].modules}
    types = re.findall(r"type='([\w.]+)'", text)
    assert not [name for name in types
                if getattr(find_registered(name), '__module__', '').split('.')[0] in packages]


def test_a_range_is_written_once():
    """Six numbers along x, y, z: in ``_base_/grids.py``, or in the one config that has them.

    Apart from the data set of a user's own, whose first lines are numbers to be changed.
    """
    places: dict[tuple, set[str]] = {}
    for path in ALL:
        if path.name == 'custom_data.py':
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.List | ast.Tuple) and len(node.elts) == 6:
                try:
                    value = tuple(ast.literal_eval(node))
                except ValueError:
                    continue  # not of plain numbers
                if any(isinstance(item, float) or item < 0 for item in value
                       if isinstance(item, int | float)):
                    places.setdefault(value, set()).add(path.relative_to(CONFIGS).as_posix())
    assert len(places) > 15
    assert {value: files for value, files in places.items() if len(files) > 1} == {}
