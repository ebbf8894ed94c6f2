"""What importing sparse3d needs and what it never touches."""
from __future__ import annotations

import importlib.util
import subprocess
import sys

REPORT = '''
import sys
class Guard:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] == 'torchvision':
            print('asked for', name)
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Guard())
import sparse3d.register
import mmdet3d.apis
print('torchvision' in sys.modules)
'''


def test_torchvision_is_never_imported():
    result = subprocess.run([sys.executable, '-c', REPORT], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == ['False']


def test_six_is_there():
    # mmdet 3.2 imports it without declaring it.
    assert importlib.util.find_spec('six')
