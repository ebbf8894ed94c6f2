"""Names of benchmarks, looked up without loading one."""
from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from sparse3d.errors import ConfigError
from sparse3d.plugins import offers
from sparse3d_benchmarks.names import APART, chosen, is_apart

LIST = """
import sys
from sparse3d_cli import main
main(['benchmark', '--list'])
print(sorted({'torch', 'mmdet3d', 'mmengine', 'numpy'} & set(sys.modules)))
"""


def test_all_are_those_that_are_offered_without_long_ones():
    usual, there = chosen(['all']), offers('benchmarks')
    assert {'sparse_convolution', 'dsvt_model', 'rotated_iou'} <= set(usual) < set(there)
    assert {name for name in there if name not in usual} == set(filter(is_apart, there))
    assert {'growth', 'range', 'data', 'busy_demo', 'exported_dsvt'} == set(
        filter(is_apart, ['growth', 'range', 'data', 'busy_demo', 'exported_dsvt', 'dsvt']))


def test_those_left_out_run_when_they_are_named():
    assert chosen(['data', 'growth']) == ['data', 'growth']
    assert chosen(['all', 'growth', 'dsvt_model'])[-1] == 'growth'


def test_every_long_one_has_its_command_on_the_page():
    page = (Path(__file__).resolve().parents[2] / 'docs' / 'results.md').read_text()
    for name in APART:
        assert re.search(rf'benchmark(\.py)? {name.rstrip("*")}', page), name


def test_a_slip_is_refused_with_those_there_are():
    with pytest.raises(ConfigError, match="no benchmark 'groth'.*growth"):
        chosen(['groth'])


def test_the_list_is_printed_without_the_heavy_stack():
    done = subprocess.run([sys.executable, '-c', LIST], capture_output=True, text=True)
    *names, count, heavy = done.stdout.splitlines()
    assert heavy == '[]' and count == f'{len(names)} benchmarks' and 'growth' in names
