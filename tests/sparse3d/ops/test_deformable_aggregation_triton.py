"""The Triton kernels without a GPU: run by its interpreter, compiled for every kind of GPU."""
from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sparse3d_benchmarks.triton_kernels import AGGREGATION, KERNELS, TARGETS, usage_of

HERE = Path(__file__).parent


@pytest.mark.slow
def test_the_interpreter_agrees_with_the_reference():
    """Values and gradients. Triton asks for the variable when it is imported: another process."""
    pytest.importorskip('triton', reason='triton is not installed')
    done = subprocess.run(
        [sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', '-k', 'fused_kernel',
         str(HERE / 'test_deformable_aggregation.py')], capture_output=True, text=True,
        timeout=600, env={**os.environ, 'TRITON_INTERPRET': '1'}, cwd=HERE.parents[2])
    assert done.returncode == 0, done.stdout[-3000:]
    last = done.stdout.strip().splitlines()[-1]
    assert int(re.search(r'(\d+) passed', last)[1]) >= 5 and 'skipped' not in last


@pytest.mark.slow
@pytest.mark.parametrize('target', TARGETS, ids=lambda target: f'sm_{target}')
@pytest.mark.parametrize('kernel', KERNELS)
def test_it_compiles_for_every_gpu_and_nothing_spills(kernel, target):
    pytest.importorskip('triton', reason='triton is not installed')
    if os.environ.get('TRITON_INTERPRET') == '1':
        pytest.skip('the interpreter is in the place of the compiler')
    usage = usage_of(kernel, {80: 'bf16', 86: 'fp32'}.get(target, 'fp16'), target, AGGREGATION)
    assert 16 <= usage.registers <= 255
    assert usage.stack == usage.local == 0
