"""Command lines: quick help with an example, one-sentence errors, exit codes."""
from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ['train', 'test', 'visualize', 'benchmark', 'convert_checkpoint', 'detect', 'analyze',
         'export_onnx']


def run(tool, *arguments):
    return subprocess.run([sys.executable, f'tools/{tool}.py', *map(str, arguments)], cwd=ROOT,
                          capture_output=True, text=True)


@pytest.mark.parametrize('tool', TOOLS)
def test_help_has_examples_and_does_not_wait_for_pytorch(tool):
    done = subprocess.run([sys.executable, '-X', 'importtime', f'tools/{tool}.py', '--help'],
                          cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and f'python tools/{tool}.py' in done.stdout
    imported = {line.rpartition('|')[2].strip() for line in done.stderr.splitlines()}
    assert 'argparse' in imported and 'torch' not in imported


@pytest.mark.parametrize('command', [
    *(f'tools/{path.name}' for path in sorted(ROOT.glob('tools/*.py')) if path.stem not in TOOLS),
    '-m sparsefusion.pictures', '-m sparsefusion.initial_weights'])
def test_help_of_the_others_has_an_example(command):
    done = subprocess.run([sys.executable, *command.split(), '--help'], cwd=ROOT,
                          capture_output=True, text=True)
    example = rf'^ +python[\d.]* {re.escape(command)}'
    assert done.returncode == 0 and re.search(example, done.stdout, re.MULTILINE)


@pytest.mark.parametrize('script', ['dist_train', 'dist_test', 'slurm_train', 'slurm_test'])
def test_scripts_without_arguments_tell_their_usage(script):
    done = subprocess.run(['bash', f'tools/{script}.sh'], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and f'tools/{script}.sh' in done.stderr


def test_an_error_is_one_sentence_without_traceback(tiny_config, tmp_path):
    done = run('train', tiny_config, '--work-dir', tmp_path,
               '--cfg-options', 'optim_wraper.optimizer.lr=1')
    assert done.returncode == 2 and 'Traceback' not in done.stderr
    assert "did you mean 'optim_wrapper.optimizer.lr'" in done.stderr


def test_a_missing_checkpoint(tiny_config, tmp_path):
    done = run('test', tiny_config, tmp_path / 'absent.pth', '--work-dir', tmp_path)
    assert done.returncode == 2 and 'absent.pth does not exist' in done.stderr
