"""How the commands of the documentation are made short enough for a test.

Nothing is left out of a command: options that it documents itself are added at its end, where
they override earlier ones, so that it works on a few frames, for one epoch, in one process.
"""
from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from page_steps import Step


@dataclass(frozen=True)
class Shorter:
    """A change to every command in which ``command`` is found.

    Attributes:
        command: regular expression, searched in the words after ``python``.
        why: what is less than on the page.
        options: added at the end.
        config: added to the values of ``--cfg-options``.
        replaced: regular expression and what takes its place, in each word.
    """

    command: str
    why: str
    options: str = ''
    config: str = ''
    replaced: tuple[str, str] | None = None


CHECKPOINT = re.compile(r'(work_dirs/\w+)/epoch_\d+\.pth')
SMALL = r'_(simulated|custom)_\w+\.py'
DSVT_SMALL = (
    'model.middle_encoder.blocks=[1] model.middle_encoder.grid_shape=[72,48,1] ' + ' '.join(
        f'{part}.point_cloud_range=[-11.52,-7.68,-2,11.52,7.68,4]'
        for part in ('model.data_preprocessor.voxel_layer', 'model.voxel_encoder',
                     'model.bbox_head', 'test_dataloader.dataset.pipeline.2')))
SHORTER = (
    Shorter(r'^tools/simulate\.py kitti', 'five coarse frames of two or three streets',
            '--frames 5 --val-fraction 0.4 --azimuths 500 --workers 1'),
    Shorter(r'^tools/simulate\.py nuscenes', 'two scenes of one key frame, coarse',
            '--scenes 2 --seconds 0.5 --image-width 160 --azimuths 240 --lidar-rate 4 --workers 1'),
    Shorter(r'^tools/simulate\.py waymo', 'two segments of one frame, coarse',
            '--segments 2 --seconds 0.1 --columns 400 --workers 1'),
    Shorter(r'^tools/simulate\.py waymo(?!.*--image-width 0)', 'small pictures',
            '--image-width 160'),
    Shorter(r'^tools/create_data\.py (kitti|nuscenes|waymo|custom|crops)', 'one process',
            '--workers 1'),
    Shorter(r'tools/train\.py', 'data loaded in the same process',
            config='train_dataloader.num_workers=0 val_dataloader.num_workers=0'),
    Shorter(rf'tools/train\.py configs/\w+/\w+{SMALL}', 'one epoch',
            config='train_cfg.max_epochs=1'),
    Shorter(rf'tools/train\.py configs/(?!\w+/\w+{SMALL})', 'a published recipe is only checked: '
            'config, model, a batch of its data', '--dry-run'),
    Shorter(r'^-m torch\.distributed\.run', 'one process, which only looks whether all is there',
            '--dry-run', replaced=(r'^--nproc_per_node=\d+$', '--nproc_per_node=1')),
    Shorter(r'^tools/export\.py configs/dsvt', 'one block of attention, a small range',
            config=DSVT_SMALL),
    Shorter(r'^tools/export\.py configs/sparsebev', 'one of the passes of the decoder',
            config='model.bbox_head.num_passes=1'),
    Shorter(r'^tools/test\.py', 'data loaded in the same process',
            config='test_dataloader.num_workers=0'),
    Shorter(r'^(tools/visualize\.py|-m sparsefusion\.pictures)', 'one frame', '--frames 1'),
    Shorter(r'^tools/analyze\.py', 'one frame', '--frames 1 --worst 1'),
    Shorter(r'^tools/compare\.py', 'nothing is trained; rows, configs, options and the file with '
            'the runs are looked up', '--cost 1'),
    Shorter(r'^tools/benchmark\.py', 'the benchmarks are looked up, not run', '--list'),
    Shorter(r'^-m pytest', 'the tests are collected; the suite runs them anyway',
            '--collect-only -q'),
)


def shortened(arguments: Sequence[str]) -> list[str]:
    """The words after ``python``, with what :data:`SHORTER` adds."""
    command, words = ' '.join(arguments), list(arguments)
    for rule in SHORTER:
        if re.search(rule.command, command):
            if rule.replaced is not None:
                words = [re.sub(*rule.replaced, word) for word in words]
            words = _with_config(words + rule.options.split(), rule.config.split())
    return [CHECKPOINT.sub(_after_one_epoch, word) for word in words]


def _after_one_epoch(checkpoint: re.Match) -> str:
    """What a shortened training left, where the last epoch of a longer one is asked for."""
    short = f'{checkpoint[1]}/epoch_1.pth'
    return short if Path(short).is_file() and not Path(checkpoint[0]).is_file() else checkpoint[0]


def _with_config(words: list[str], values: list[str]) -> list[str]:
    if not values:
        return words
    if '--cfg-options' not in words:
        return [*words, '--cfg-options', *values]
    place = words.index('--cfg-options') + 1
    return [*words[:place], *values, *words[place:]]


# Beginning of a command -> why no test runs it.
NOT_RUN = {
    'make ': 'installs, and runs this very suite; tests/tools/test_installation.py has its parts',
    'pip install': 'changes the environment and loads from the network',
    'MMCV_WITH_OPS=1 pip install': 'changes the environment and loads from the network',
    'python tools/install.py': 'changes the environment and loads from the network',
    'python tools/demo.py': 'tests/end_to_end/test_demo.py runs it with a few frames',
    'python tools/test.py configs/voxelkp/voxelkp_waymo.py':
    'the whole model on whole clouds takes minutes on a CPU; its small config '
    'is tested by tests/end_to_end/test_voxelkp.py',
    'tools/slurm_train.sh': 'needs a Slurm cluster',
    'tensorboard': 'serves pages until it is stopped, and is not part of the environment',
    'pytest tests/<plug-in>': 'stands for one command for each plug-in; their READMEs have them',
}


def reason_not_to_run(step: Step) -> str:
    """Why a step is not run, empty if it is."""
    return next((reason for beginning, reason in NOT_RUN.items()
                 if step.kind == 'shell' and step.text.startswith(beginning)), '')
