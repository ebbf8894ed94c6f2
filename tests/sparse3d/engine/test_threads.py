"""numpy's idle threads do not wait at the cost of the training."""
from __future__ import annotations

import os
import subprocess
import sys

COUNT = """
import multiprocessing

import numpy, scipy.linalg
from threadpoolctl import threadpool_info, threadpool_limits
from sparse3d.engine.threads import one_blas_thread

def threads():
    return sorted({library['num_threads'] for library in threadpool_info()
                   if library['internal_api'] == 'openblas' and (
                       'numpy' in library['filepath'] or 'scipy' in library['filepath'])})

threadpool_limits(2, 'blas')
before = threads()
one_blas_thread()
with multiprocessing.get_context('fork').Pool(1) as pool:
    print(before, threads(), pool.apply(threads))
"""


def test_one_thread_here_and_in_forked_workers():
    found = subprocess.run([sys.executable, '-c', COUNT], capture_output=True, text=True,
                           env={**os.environ, 'OMP_NUM_THREADS': '2'}).stdout.split('\n')
    assert found[0] == '[2] [1] [1]'
