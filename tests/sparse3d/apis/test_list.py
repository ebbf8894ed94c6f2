"""Listing what is installed imports nothing of the stack, and neither does the package of verbs."""
from __future__ import annotations

import json
import subprocess
import sys

from sparse3d import apis
from sparse3d.apis.list import list_lines
from sparse3d_cli import main
from sparse3d_cli.list import KINDS

HEAVY = ('torch', 'numpy', 'mmengine', 'mmcv', 'mmdet', 'mmdet3d', 'spconv', 'open3d', 'cv2')
LISTED = f"""
import json, sys
from sparse3d_cli import main
codes = [main(['list', kind]) for kind in {KINDS!r} if kind != 'modules']
print(json.dumps([codes, sorted(set({HEAVY!r}) & set(sys.modules))]))
"""
PUBLIC = """
import sys
import sparse3d.apis
assert 'torch' not in sys.modules
import sparse3d.apis.train  # Python binds the module to the package
from sparse3d.apis import test, train, visualize
assert 'sparse3d.register' in sys.modules
print(train.__name__, test.__name__, visualize.__name__, callable(sparse3d.apis.train))
"""


def _last_line(code: str) -> str:
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def test_every_list_but_that_of_modules_is_light():
    codes, heavy = json.loads(_last_line(LISTED))
    assert heavy == [] and codes == [0] * (len(KINDS) - 1)


def test_verbs_are_imported_when_they_are_used_and_stay_verbs_beside_their_modules():
    assert _last_line(PUBLIC) == 'train test visualize True'


def test_all_that_is_public_has_a_home():
    assert sorted(apis.__all__) == sorted(apis.HOMES)
    for name, home in apis.HOMES.items():
        assert getattr(apis, name).__module__ == home


def test_words_choose_lines_whatever_their_case():
    everything = list_lines('configs')
    chosen = list_lines('configs', ['KITTI', 'focalsconv'])
    assert 0 < len(chosen) < len(everything)
    assert all('kitti' in line.lower() and 'focalsconv' in line.lower() for line in chosen)


def test_a_pattern_is_of_a_whole_name():
    names = [line.split()[0] for line in list_lines('configs', ['*_simulated_waymo'])]
    assert 'centerpoint_simulated_waymo' in names
    assert all(name.endswith('_simulated_waymo') for name in names)


def test_words_that_nothing_has_are_answered_with_near_names(capsys):
    assert main(['list', 'configs', 'centerpoint_simulated_wamyo']) == 2
    said = capsys.readouterr().err
    assert "has 'centerpoint_simulated_wamyo'; did you mean centerpoint_simulated_waymo" in said
    assert len(said.splitlines()) == 1
