"""The demo's way through the real command lines, on a drive of a few frames."""
from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str, **environment: str) -> str:
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, text=True, capture_output=True,
                          env=dict(os.environ, OMP_NUM_THREADS='2', **environment))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
def test_the_demo_ends_with_the_table_and_the_pictures(tmp_path):
    out = run('tools/demo.py', '--frames', '8', '--pictures', '1', '--data-root',
              str(tmp_path / 'drive'), '--out', str(tmp_path / 'out'), '--epochs', '1')
    score = re.search(r'car 3D AP_R40 moderate at IoU 0.7: (\d+\.\d+) \(seed 0\)', out)
    assert score is not None and 0 <= float(score.group(1)) <= 100
    pictures = [Path(line.strip()) for line in out.split('pictures:')[1].splitlines()
                if line.startswith('  ')]
    assert pictures and all(path.stat().st_size > 1000 for path in pictures)
