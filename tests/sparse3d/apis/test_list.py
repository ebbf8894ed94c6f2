"""Listing what is installed imports nothing of the stack, and neither does the package of verbs."""
from __future__ import annotations

import json
import subprocess
import sys

from sparse3d import apis
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
