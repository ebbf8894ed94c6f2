"""Somebody who follows the pages of the documentation, command by command, as they stand."""
from __future__ import annotations

import json
import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from page_steps import Step, steps_of
from readers_files import READERS_VARIABLES, text_as_read
from short_commands import METRICS, reason_not_to_run

ROOT = Path(__file__).resolve().parents[2]
LINKED = ('tools', 'configs', 'docs', 'tests', 'pyproject.toml')
SHOWN = 5000  # characters of the output of a command that fails
# What of a command names a place -> files that are there afterwards, and not empty.
MADE = (
    (r'simulate\.py (?!mcap)\w+ (\S+)', '{}/simulation.json'),
    (r'simulate\.py mcap (\S+)', '{}'),
    (r'create_data\.py recording \S+ (\S+)', '{}/points/*.npy'),
    (r'create_data\.py (?:kitti|nuscenes|waymo|custom) (\S+)', '{}/**/*_infos_*.pkl'),
    (r'create_data\.py crops \w+ (\S+)', '{}/*_gt_images/*'),
    (r'create_data\.py upgrade (\S+)', '{}.old'),
    (r'tools/train\.py configs/\w+/(\w+_simulated_\w+)\.py', 'work_dirs/{}/epoch_*.pth'),
    (r'convert_checkpoint\.py \w+ \S+ (\S+)', '{}'),
    (r'initial_weights \S+ \S+ (\S+)', '{}'),
    (r'export\.py .*--out (\S+)', '{}'),
    (r'detect\.py (?!.*--formats)(?!.*\.mcap).*--out (\S+)', '{}/*.json'),
    (r'detect\.py .*--out (\S+\.mcap)', '{}'),
    (r'detect\.py (?=.*--formats csv).*--out (\S+)', '{}/*.csv'),
    (r'visualize\.py .*--out (\S+)', '{}/*.png'),
    (r'visualize\.py (?!.*--out)\S+', 'pictures/*.png'),
    (r'analyze\.py \S+', 'report/*.html'),
)


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
        """Do one step and look at what it made; variables that it exports stay."""
        text = text_as_read(page, step.text)
        command = ['bash', '-c', '\n'.join(['set -e', *self.exported, text])]
        if step.kind == 'python':
            command = ['python', '-c', READERS_VARIABLES.get(page, '') + text]
        done = subprocess.run(command, cwd=self.folder, env=self.environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        fault = f'exit status {done.returncode}' if done.returncode else self._fault_of(text)
        if fault:
            pytest.fail(f'{page}, line {step.line}: {fault} of\n{text}\n{done.stdout[-SHOWN:]}',
                        pytrace=False)
        if step.text.startswith('export '):
            self.exported.append(text)

    def _fault_of(self, text: str) -> str:
        """What is absent of the files and figures that a command makes; empty if all is there."""
        command = ' '.join(text.replace('\\\n', ' ').split())
        for pattern, files in MADE:
            for place in re.findall(pattern, command):
                wanted = files.format(place)
                if not any(path.stat().st_size for path in self.folder.glob(wanted)):
                    return f'no {wanted}'
        if (self.folder / METRICS).is_file():
            figures = json.loads((self.folder / METRICS).read_text())['metrics'].values()
            (self.folder / METRICS).unlink()
            if 'format_only=True' not in command and not any(map(math.isfinite, figures)):
                return 'no figures'
        return ''
