"""Names of benchmarks, looked up without loading one."""
from __future__ import annotations

import subprocess
import sys

import pytest

from sparse3d.errors import ConfigError
from sparse3d_benchmarks.names import chosen

LIST = """
import sys
from sparse3d_cli import main
main(['benchmark', '--list'])
print(sorted({'torch', 'mmdet3d', 'mmengine', 'numpy'} & set(sys.modules)))
"""


def test_all_are_those_that_are_offered():
    assert {'growth', 'range', 'data'} <= set(chosen(['all']))
    assert chosen(['data', 'growth']) == ['data', 'growth']


def test_a_slip_is_refused_with_those_there_are():
    with pytest.raises(ConfigError, match="no benchmark 'groth'.*growth"):
        chosen(['groth'])


def test_the_list_is_printed_without_the_heavy_stack():
    done = subprocess.run([sys.executable, '-c', LIST], capture_output=True, text=True)
    *names, count, heavy = done.stdout.splitlines()
    assert heavy == '[]' and count == f'{len(names)} benchmarks' and 'growth' in names
