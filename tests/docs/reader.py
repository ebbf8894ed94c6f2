"""Somebody who follows the pages of the documentation, command by command, as they stand."""
from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from page_steps import Step, steps_of
from readers_files import READERS_VARIABLES, text_as_read
from short_commands import reason_not_to_run

ROOT = Path(__file__).resolve().parents[2]
LINKED = ('tools', 'configs', 'docs', 'tests', 'pyproject.toml')
SHOWN = 5000  # characters of the output of a command that fails
# Tool -> how the one line begins with which it says what it did.
LAST_LINES = {
    'simulate.py': r'\d+ simulated (frames|scenes|segments) in ',
    'create_data.py': r'prepared |checked |wrote |\S+: \d+ crops of ',
    'train.py': r'trained \d+ epochs|ready to train: ',
    'dist_train.sh': r'trained \d+ epochs|ready to train: ',
    'test.py': 'evaluated ',
    'visualize.py': r'\d+ files written to ',
    'analyze.py': 'report: ',
    'compare.py': r'\d+ of \d+ runs in ',
    'detect.py': r'\d+ clouds, \d+ detections; ',
    'convert_checkpoint.py': r'\d+ tensors written to ',
    'list.py': r'\d+ (configs|modules|plugins|datasets|pictures|exporters|benchmarks)',
    'export.py': r'\S+ MB written to ',
    'benchmark.py': r'\d+ (rows measured|benchmarks)',
    'update_tables.py': 'tables made anew: ',
    'sparsefusion.initial_weights': r'\d+ tensors written to ',
}


class Reader:
    """Works in a folder with links to the repository's own; what a command may write to is a copy.

    Args:
        folder: for it.
        programs: folder of the ``python`` that runs the commands; default: the environment's.
    """

    def __init__(self, folder: Path, programs: Path | None = None) -> None:
        self.folder, self.exported = folder, []
        ours = {name: value for name, value in os.environ.items() if 'SPARSE3D' not in name}
        paths = [*filter(None, [programs]), Path(sys.executable).parent, os.environ['PATH']]
        self.environment = {**ours, 'PATH': os.pathsep.join(map(str, paths)),
                            'OMP_NUM_THREADS': '1'}
        folder.mkdir(exist_ok=True)
        for name in LINKED:
            (folder / name).symlink_to(ROOT / name)
        shutil.copytree(ROOT / 'results', folder / 'results')
        for page in (ROOT / 'README.md', *ROOT.glob('projects/*/README.md')):
            copy = folder / page.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(page, copy)

    def follow(self, page: str) -> None:
        """Do all that a page says; fails with its line and what was printed."""
        for step in steps_of(ROOT / page):
            if not reason_not_to_run(step):
                self.do(page, step)

    def do(self, page: str, step: Step) -> None:
        """Do one step; variables that it exports stay for the next ones."""
        text = text_as_read(page, step.text)
        command = ['bash', '-c', '\n'.join(['set -e', *self.exported, text])]
        if step.kind == 'python':
            command = ['python', '-c', READERS_VARIABLES.get(page, '') + text]
        done = subprocess.run(command, cwd=self.folder, env=self.environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode:
            pytest.fail(f'{page}, line {step.line}: exit status {done.returncode} of\n{text}\n'
                        f'{done.stdout[-SHOWN:]}', pytrace=False)
        if step.text.startswith('export '):
            self.exported.append(text)
        self._check_last_line(page, step, done.stdout)

    def _check_last_line(self, page: str, step: Step, printed: str) -> None:
        tools = re.findall(r'(?:tools/|python -m )([\w.]+)', step.text)
        expected = LAST_LINES.get(tools[-1]) if tools and step.kind == 'shell' else None
        last = (printed.rstrip().splitlines() or [''])[-1]
        if expected and not re.match(expected, last):
            pytest.fail(f'{page}, line {step.line}: {tools[-1]} ends with {last!r}', pytrace=False)
