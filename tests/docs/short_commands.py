"""How the commands of the documentation are made short enough for a test.

Nothing is left out of a command: options that it documents itself are added at its end, where
they override earlier ones, so that it works on a few frames, for one epoch, in one process.
"""
from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from page_steps import Step

CHECKPOINT = re.compile(r'(work_dirs/\w+)/epoch_\d+\.pth')
METRICS = 'metrics_of_a_page.json'  # what every test of a page writes its figures to
SMALL = r'_(simulated|custom)_\w+\.py'
DSVT_SMALL = (
    'model.middle_encoder.blocks=[1] model.middle_encoder.grid_shape=[72,48,1] ' + ' '.join(
        f'{part}.point_cloud_range=[-11.52,-7.68,-2,11.52,7.68,4]'
        for part in ('model.data_preprocessor.voxel_layer', 'model.voxel_encoder',
                     'model.bbox_head.bbox_coder', 'test_dataloader.dataset.pipeline.2')))
# Searched in the words after "python"; options added at the end; values of --cfg-options.
SHORTER = (
    (r'^tools/simulate\.py kitti',
     '--frames 5 --val-fraction 0.4 --azimuths 500 --workers 1', ''),
    (r'^tools/simulate\.py nuscenes', '--scenes 2 --seconds 0.5 --image-width 160 --azimuths 240 '
     '--lidar-rate 4 --workers 1', ''),
    (r'^tools/simulate\.py custom',
     '--frames 5 --sweeps-per-place 1 --val-fraction 0.4 --workers 1', ''),
    (r'^tools/simulate\.py mcap',
     '--seconds 1 --image-width 32 --azimuths 60 --lidar-rate 4', ''),
    (r'^tools/simulate\.py argoverse2', '--logs 4 --sweeps 2 --azimuths 300 --workers 1', ''),
    (r'^tools/simulate\.py waymo', '--segments 2 --seconds 0.1 --columns 400 --workers 1', ''),
    (r'^tools/simulate\.py waymo(?!.*--image-width 0)', '--image-width 160', ''),
    (r'^tools/create_data\.py (kitti|nuscenes|waymo|argoverse2|custom|crops)', '--workers 1', ''),
    (r'tools/train\.py', '', 'train_dataloader.num_workers=0 val_dataloader.num_workers=0'),
    (r'^tools/pretrain\.py', '--epochs 1', 'train_dataloader.num_workers=0'),
    (rf'tools/train\.py configs/\w+/\w+{SMALL}(?!.*--epochs)', '', 'train_cfg.max_epochs=1'),
    (rf'tools/train\.py configs/\w+/\w+{SMALL}.*--epochs', '--epochs 1', ''),
    # The short drives have one sample to train on.
    (r'^tools/train\.py configs/sparse4d/\w+_simulated', '', 'train_dataloader.batch_size=1'),
    # A published recipe is only checked: config, model, a batch of its data.
    (rf'tools/train\.py configs/(?!\w+/\w+{SMALL})', '--dry-run', ''),
    (r'^-m torch\.distributed\.run', '--dry-run', ''),
    (r'^tools/export\.py configs/dsvt/dsvt_(pillar|voxel)', '', DSVT_SMALL),
    (r'^tools/export\.py configs/dsvt/dsvt_simulated', '', 'model.middle_encoder.blocks=[1]'),
    (r'^tools/export\.py configs/sparsebev', '', 'model.bbox_head.num_passes=1'),
    (r'^tools/test\.py', f'--out {METRICS}', 'test_dataloader.num_workers=0'),
    (r'^(tools/visualize\.py|-m sparsefusion\.pictures)', '--frames 1', ''),
    (r'^tools/analyze\.py', '--frames 1 --worst 1', ''),
    (r'^tools/blind_trial\.py(?!.*--answers)', '--pictures 1 --video 2 --report 0', ''),
    (r'^tools/search_sparsity\.py',
     '--population 2 --parents 1 --generations 0 --limits 0.2 1', 'test_dataloader.num_workers=0'),
    (r'^tools/compare\.py', '--cost 1', ''),  # looks rows, configs, options and results up
    (r'^tools/benchmark\.py', '--list', ''),
    (r'^tools/export\.py .*int8_static', '--calibration-frames 2', ''),
    (r'^-m sparse3d_benchmarks\.tracker_comparison', '--seeds 1', ''),
    (r'^-m pytest', '--collect-only -q', ''),  # the suite runs them anyway
)
# Beginning of a command -> why no test runs it.
NOT_RUN = {
    'make ': 'installs, and runs this very suite; tests/tools/test_installation.py has its parts',
    'pip install': 'changes the environment and loads from the network',
    'MMCV_WITH_OPS=1 pip install': 'changes the environment and loads from the network',
    'docker build': 'needs Docker, and loads from the network',
    'python tools/install.py': 'changes the environment and loads from the network',
    'python tools/measure_recording.py':
    'detects in ten minutes of a drive; tests/tools/test_measure_recording.py has its parts',
    'python tools/zero_shot.py --kitti':
    'needs real frames; tests/sparse3d/apis/test_zero_shot.py has its parts',
    'python tools/matrix.py': 'installs environments and loads from the network',
    'python tests/support/reporters_table.py':
    'runs all cases for ten minutes; tests/support/test_reporters_table.py runs some',
    'python -m sparse3d_benchmarks.detection_oracles results_nusc.json':
    'stands for your own results; tests/benchmarks/test_detection_oracles.py scores drawn ones',
    'python -m sparse3d_benchmarks.query_places CONFIG CHECKPOINT':
    'stands for your own detector; tests/end_to_end/test_sparsebev.py tests a small one',
    'python -m sparse3d_benchmarks.simulation_ablation':
    'hours of training; tests/benchmarks/test_simulation_ablation.py makes small rows',
    'python -m sparse3d_benchmarks.growth_parts':
    'takes minutes of a core; tests/benchmarks/test_growth_parts.py does it with drawn rows',
    'python tools/make_pictures.py --only':
    'trains what it draws, and writes docs/images; tests/tools/test_make_pictures.py has its '
    'parts, tests/benchmarks/test_growth_plot.py draws a run',
    'python tests/support/mmdet3d_families.py':
    'trains thirty families for five minutes, and writes the page; '
    'tests/end_to_end/test_mmdet3d_models.py trains six',
    'python tools/floors.py':
    'minutes to an hour of training; tests/tools/test_floors.py does the quick form',
    'python -m sparse3d_benchmarks.step_memory':
    'a step at full size; tests/benchmarks/test_step_memory.py measures a small one',
    'SPARSE3D_KERNELS=off python -m sparse3d_benchmarks.step_memory':
    'the same',
    'python -m sparse3d_benchmarks.precision_scores':
    'scores a test set five times; tests/end_to_end/test_lowered_exports.py does it once',
    'python tools/demo.py': 'tests/end_to_end/test_demo.py runs it with a few frames',
    'python tools/test.py configs/voxelkp/voxelkp_waymo.py':
    'the whole model on whole clouds takes minutes on a CPU; its small config '
    'is tested by tests/end_to_end/test_voxelkp.py',
    'tools/slurm_train.sh': 'needs a Slurm cluster',
    'python tools/simulate.py waymo /shared':
    'needs a Dask cluster; tests/sparse3d/parallel/test_dask_cluster.py starts one',
    'python tools/create_data.py waymo /shared':
    'needs a Slurm cluster; tests/sparse3d/parallel/test_slurm_cluster.py starts one',
    'python tools/detect.py CONFIG CHECKPOINT /shared':
    'needs a Slurm cluster; tests/end_to_end/test_executors.py detects on Dask',
    'python tools/test.py CONFIG CHECKPOINT --work-dir /shared':
    'needs a Slurm cluster; tests/end_to_end/test_executors.py scores on Dask',
    'tools/dist_train.sh CONFIG 8':
    'eight processes; tests/end_to_end/test_two_processes.py starts two',
    'GPUS=': 'needs a Slurm cluster; tests/end_to_end/test_two_processes.py starts one',
    'AWS_ENDPOINT_URL=': 'needs an object store; tests/sparse3d/test_remote_files.py starts one',
    'python tools/view.py':
    'serves until it is stopped; tests/sparse3d/apis/test_view.py looks at it',
    'python tools/visualize.py CONFIG CHECKPOINT --show':
    'waits for its window to be closed; tests/sparse3d/visualization/test_viewer.py opens it',
    'tensorboard': 'serves pages until it is stopped, and is not part of the environment',
    'pytest tests/<plug-in>': 'stands for one command for each plug-in; their READMEs have them',
}


def shortened(arguments: Sequence[str]) -> list[str]:
    """The words after ``python``, with what :data:`SHORTER` adds."""
    words = [re.sub(r'^--nproc_per_node=\d+$', '--nproc_per_node=1', word) for word in arguments]
    for command, options, config in SHORTER:
        if re.search(command, ' '.join(arguments)):
            words += options.split()
            if config and '--cfg-options' not in words:
                words.append('--cfg-options')
            place = words.index('--cfg-options') + 1 if config else 0
            words[place:place] = config.split()
    return [CHECKPOINT.sub(_after_one_epoch, word) for word in words]


def reason_not_to_run(step: Step) -> str:
    """Why a step is not run, empty if it is."""
    return next((reason for beginning, reason in NOT_RUN.items()
                 if step.kind == 'shell' and step.text.startswith(beginning)), '')


def _after_one_epoch(checkpoint: re.Match) -> str:
    """What a shortened training left, where the last epoch of a longer one is asked for."""
    short = f'{checkpoint[1]}/epoch_1.pth'
    return short if Path(short).is_file() and not Path(checkpoint[0]).is_file() else checkpoint[0]
