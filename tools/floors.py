"""Floors: every system has to overfit eight simulated frames, or it is wrong somewhere.

Each system is trained on eight frames without augmentation, all losses on, and tested on the same
frames: detectors need an average precision of 0.95, poses a mean joint error of 0.05 m. Each has
15 minutes of one core, with cameras 60; a row says how many it took. What the file of results has
is not run again, a training that was stopped goes on. An image backbone may begin with what a
training on other simulated pictures has learned (--image-backbone); the row says so.

examples:
  python tools/floors.py --list
  python tools/floors.py
  python tools/floors.py dsvt voxelkp --again
  python tools/floors.py focalsconv --quick
  python tools/floors.py sparse4d --image-backbone work_dirs/sparse4d_first_weights/epoch_8.pth
"""
from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sparse3d.atomic_files import check_place, make_folder, write_bytes_atomically
from sparse3d.errors import DataError, Sparse3DError

FRAMES, QUICK_FRAMES, QUICK_STEPS = 8, 2, 100
# Steps of a pipeline that draw random numbers; in their place comes what testing does, if anything.
RANDOM = {'GroundTruthSampling', 'RandomFlip3D', 'GlobalRotScaleTrans', 'PointShuffle',
          'AugmentScene', 'AugmentPeople', 'CropAroundObjects', 'AugmentImages', 'DropCameras',
          'DropBeams', 'DropPoints', 'TurnScene'}


@dataclass(frozen=True)
class Drive:
    """Frames that are simulated once for several systems.

    Attributes:
        simulate: arguments of ``sparse3d simulate`` around the folder.
        root: where the config looks, below the folder.
        variable: that tells the config so.
        infos: information files; the part before ``_train.pkl``.
    """

    layout: str
    simulate: tuple[str, ...]
    variable: str
    infos: str
    root: str = ''
    prepare: tuple[str, ...] = ()


DRIVES = {
    'kitti': Drive('kitti', ('--frames', '12', '--frames-per-drive', '2'),
                   'SPARSE3D_SIMULATED_KITTI', 'kitti_infos'),
    'waymo': Drive('waymo', ('--segments', '2', '--seconds', '4', '--frame-rate', '2',
                             '--image-width', '0'),
                   'SPARSE3D_SIMULATED_WAYMO', 'waymo_infos', 'kitti_format'),
    'crowd': Drive('waymo', ('--segments', '2', '--seconds', '4', '--frame-rate', '2',
                             '--image-width', '0', '--people', '5'),
                   'SPARSE3D_SIMULATED_WAYMO', 'waymo_infos', 'kitti_format',
                   ('--keep-no-label-zones', )),
    'nuscenes': Drive('nuscenes', ('--scenes', '2', '--seconds', '4', '--image-width', '352'),
                      'SPARSE3D_SIMULATED_NUSCENES', 'nuscenes_infos'),
}
# All labeled cars of KITTI's drive count as hard; the easier ones are among them.
CARS = ('kitti/Car_3D_R40_hard', 95.0)
OF_WAYMO = ('waymo/Overall_L1_AP', 0.95)
OF_NUSCENES = ('nuscenes/car_AP', 0.95)
JOINTS = ('raw/waymo/MPJPE/ALL', 0.05)


@dataclass(frozen=True)
class Floor:
    """What a system has to reach, and how it is trained for that.

    Attributes:
        metric: name and bound; errors of joints must not lie above, precision not below it.
        epochs: over the eight frames.
        minutes: of one core that it may take.
        falls_to: share of the first loss that 100 steps on two frames have to go below.
        options: of the config.
    """

    config: str
    drive: str
    metric: tuple[str, float]
    epochs: int = 60
    minutes: int = 15
    falls_to: float = 0.5
    options: dict[str, Any] = field(default_factory=dict)


FLOORS = {
    'dsvt': Floor('dsvt_centerpoint_simulated_kitti_car', 'kitti', CARS),
    'pointpillars': Floor('pointpillars_simulated_kitti_car', 'kitti', CARS),
    'centerpoint': Floor('centerpoint_simulated_kitti_car', 'kitti', CARS),
    'focalsconv': Floor('focalsconv_centerpoint_simulated_kitti_car', 'kitti', CARS),
    'second': Floor('second_simulated_kitti_car', 'kitti', CARS),
    'focalsconv_f': Floor('focalsconv_f_centerpoint_simulated_kitti_car', 'kitti', CARS,
                          minutes=60),
    'voxel_rcnn': Floor('focalsconv_voxel_rcnn_simulated_kitti_car', 'kitti', CARS),
    'dsvt_waymo': Floor('dsvt_simulated_waymo', 'waymo', OF_WAYMO),
    'voxelkp': Floor('voxelkp_simulated_waymo', 'crowd', JOINTS),
    'transfusion_l': Floor('transfusion_l_simulated_nuscenes', 'nuscenes', OF_NUSCENES),
    'sparsefusion': Floor('sparsefusion_simulated_nuscenes', 'nuscenes', OF_NUSCENES,
                          minutes=60),
    'sparse_dense_fusion': Floor('sdf_simulated_nuscenes', 'nuscenes', OF_NUSCENES, minutes=60),
    'safdnet': Floor('safdnet_simulated_waymo', 'waymo', OF_WAYMO),
    'sparsebev': Floor('sparsebev_simulated_nuscenes', 'nuscenes', OF_NUSCENES, minutes=60),
    'sparse4d': Floor('sparse4d_simulated_nuscenes', 'nuscenes', OF_NUSCENES, epochs=450,
                      minutes=60, options={'model.bbox_head.decoder.dropout': 0.0,
                                           'model.bbox_head.decoder.weights_dropout': 0.0}),
    'sparsebev_swin': Floor('sparsebev_swin_simulated_nuscenes', 'nuscenes', OF_NUSCENES,
                            minutes=60),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('systems', nargs='*', metavar='SYSTEM', help='default: all, one by one')
    parser.add_argument('--list', action='store_true', help='name the systems and stop')
    parser.add_argument('--out', type=Path, default=Path('results/floors.json'),
                        help='default: %(default)s')
    parser.add_argument('--data-root', type=Path, default=Path('data/floors'),
                        help='folder for the simulated frames (default: %(default)s)')
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/floors'),
                        help='folder for logs and checkpoints (default: %(default)s)')
    parser.add_argument('--seed', type=int, default=0, help='default: %(default)s')
    parser.add_argument('--epochs', type=int, help="in place of a system's own")
    parser.add_argument('--image-backbone', type=Path, metavar='CHECKPOINT',
                        help='of a training on other simulated pictures, whose image backbone the '
                             'system begins with')
    parser.add_argument('--again', action='store_true', help='also what the file has')
    parser.add_argument('--quick', action='store_true',
                        help=f'{QUICK_STEPS} steps on {QUICK_FRAMES} frames: only whether the '
                        'loss falls; nothing is stored')
    arguments = parser.parse_args()
    if arguments.list:
        for name, floor in FLOORS.items():
            print(f'{name:21s}{floor.config:48s}{floor.metric[0]} {floor.metric[1]:g}')
        return 0
    try:
        return _run(arguments)
    except Sparse3DError as error:
        print(f'error: {error}', file=sys.stderr)
        return 2


def _run(arguments: argparse.Namespace) -> int:
    unknown = [name for name in arguments.systems if name not in FLOORS]
    if unknown:
        raise DataError(f'no system {", ".join(unknown)}; there are {", ".join(FLOORS)}')
    if arguments.image_backbone and not arguments.image_backbone.is_file():
        raise DataError(f'--image-backbone {arguments.image_backbone} does not exist')
    for place in (arguments.out, arguments.work_dir / 'run'):
        check_place(place)
    from sparse3d.parallel.progress import Progress
    names = arguments.systems or list(FLOORS)
    stored = [] if arguments.quick else read_rows(arguments.out)
    done = {row['name']: row for row in stored if not arguments.again}
    progress, failed = Progress('floors', len(names)), []
    for name in names:
        if name in done:
            row = done[name]
        elif arguments.quick:
            row = quick(name, arguments.data_root, arguments.work_dir / 'quick', arguments.seed)
        else:
            row = overfit(name, arguments)
            stored = [*(other for other in stored if other['name'] != name), row]
            write_rows(arguments.out, stored)
        failed += [] if row['passed'] else [name]
        progress.advance(f'{name}: {sentence(row)}')
    print(f'{len(names) - len(failed)} of {len(names)} passed'
          + (f'; not {", ".join(failed)}' if failed else ''))
    return int(bool(failed))


def sentence(row: dict[str, Any]) -> str:
    """What a row says."""
    if 'loss' in row:
        return (f'loss {row["loss"][0]:.3g} to {row["loss"][1]:.3g}, has to fall to '
                f'{row["falls_to"]:.0%}')
    late = '' if row['in_time'] else f', more than the {row["minutes_allowed"]} allowed'
    return (f'{row["metric"]} {row["value"]:.3f}, bound {row["bound"]:g}; '
            f'{row["minutes_of_core"]:.1f} minutes of one core{late}')


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Rows of an earlier run."""
    if not path.is_file():
        return []
    try:
        return json.loads(path.read_text())['rows']
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f'{path} is not a file of this tool ({error}); name another one') from error


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    order = list(FLOORS)
    rows = sorted(rows, key=lambda row: order.index(row['name']) if row['name'] in order else 99)
    make_folder(path.parent)
    write_bytes_atomically(path, (json.dumps({'rows': rows}, indent=1) + '\n').encode())


# One system -------------------------------------------------------------------


def simulated(name: str, folder: Path, seed: int) -> Path:
    """Root of a drive that is made and prepared, unless it is there."""
    drive = DRIVES[name]
    place = folder / f'{name}_{seed}'
    root = place / drive.root
    if not (root / f'{drive.infos}_train.pkl').is_file():
        for verb in (('simulate', drive.layout, str(place), *drive.simulate, '--seed', str(seed)),
                     ('create-data', drive.layout, str(place), *drive.prepare)):
            if subprocess.run([sys.executable, '-m', 'sparse3d', *verb]).returncode:
                raise DataError(f'sparse3d {" ".join(verb)} failed; see above')
    return root


def plan(floor: Floor, root: Path, frames: int, epochs: int):
    """The config of a system on the first frames, in training and in testing."""
    from sparse3d.engine.load_config import load_config
    from sparse3d.engine.training_length import stretch_training
    drive = DRIVES[floor.drive]
    os.environ[drive.variable] = str(root)  # where the config looks
    config = load_config(floor.config)
    stretch_training(config, epochs)
    config = load_config(config, {
        **floor.options, 'train_cfg.val_begin': epochs + 1, 'default_hooks.checkpoint.interval':
        max(1, epochs // 10), 'default_hooks.validate_first': None,
        'train_dataloader.num_workers': 0, 'train_dataloader.persistent_workers': False})
    tested = config.test_dataloader.dataset
    for dataset in tested.get('datasets', [tested]):
        dataset.ann_file, dataset.indices = f'{drive.infos}_train.pkl', frames
    pipeline = tested.get('datasets', [tested])[0].pipeline
    trained = config.train_dataloader.dataset
    while 'pipeline' not in trained:
        trained = trained.dataset
    trained.indices, trained.pipeline = frames, without_chance(trained.pipeline, pipeline)
    config.test_evaluator.ann_file = str(root / f'{drive.infos}_train.pkl')
    config.val_dataloader, config.val_evaluator = config.test_dataloader, config.test_evaluator
    return config


def without_chance(pipeline: list[dict], tested: list[dict]) -> list[dict]:
    """A training's pipeline whose random steps are those of the test, or left out."""
    of_test = {step['type']: step for step in tested}
    return [of_test[step['type']] if step['type'] in RANDOM else step for step in pipeline
            if step['type'] not in RANDOM or step['type'] in of_test]


def overfit(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Train a system on eight frames, test it on them; a row of the results."""
    import torch

    from sparse3d.apis.test import test
    from sparse3d.apis.train import train
    from sparse3d.engine.result_record import result_record
    floor = FLOORS[name]
    epochs = arguments.epochs or floor.epochs
    torch.set_num_threads(1)
    config = plan(floor, simulated(floor.drive, arguments.data_root, arguments.seed), FRAMES,
                  epochs)
    folder = arguments.work_dir / f'{name}_{arguments.seed}_{epochs}'
    if arguments.image_backbone:
        config.pretrained_encoder = str(image_backbone(arguments.image_backbone, folder))
    spent = _spent_before(folder)
    start = time.process_time()
    trained = train(config, folder, resume='auto', seed=arguments.seed)
    minutes = spent + (time.process_time() - start) / 60
    _note_spent(folder, minutes)
    metrics = test(config, trained.checkpoint, folder)
    metric, bound = floor.metric
    value = float(metrics[metric])
    reached = value <= bound if floor.metric is JOINTS else value >= bound
    record = result_record({})
    return {'name': name, 'config': floor.config, 'seed': arguments.seed, 'epochs': epochs,
            'frames': FRAMES, 'metric': metric, 'value': value, 'bound': bound,
            'reached': bool(reached), 'minutes_of_core': round(minutes, 1),
            'minutes_allowed': floor.minutes, 'in_time': minutes <= floor.minutes,
            'passed': bool(reached and minutes <= floor.minutes),
            'image_backbone': str(arguments.image_backbone or ''),
            **{key: record[key] for key in ('commit', 'device', 'torch', 'date')}}


def image_backbone(checkpoint: Path, folder: Path) -> Path:
    """The image backbone of a checkpoint as a file that a detector begins with.

    Raises:
        CheckpointError: if the checkpoint cannot be read.
        DataError: if it holds none.
    """
    from sparse3d.checkpoints.open import open_checkpoint
    from sparse3d.pretraining.encoder_files import (
        IMAGE_PART,
        IMAGE_PARTS,
        encoder_parts,
        write_encoder,
    )
    weights = open_checkpoint(checkpoint).weights
    parts = [part for part in encoder_parts(weights) if part in IMAGE_PARTS]
    if not parts:
        raise DataError(f'{checkpoint} has no image backbone ({", ".join(IMAGE_PARTS)}); give a '
                        f'checkpoint of a camera model')
    make_folder(folder)
    return write_encoder({name.replace(parts[0], IMAGE_PART, 1): value
                          for name, value in weights.items() if name.startswith(f'{parts[0]}.')},
                         folder / 'image_backbone.pth', dict(checkpoint=str(checkpoint)))


def _spent_before(folder: Path) -> float:
    note = folder / 'minutes.json'
    return float(json.loads(note.read_text())) if note.is_file() else 0.0


def _note_spent(folder: Path, minutes: float) -> None:
    make_folder(folder)
    write_bytes_atomically(folder / 'minutes.json', json.dumps(minutes).encode())


def quick(name: str, data_root: Path, work_dir: Path, seed: int = 0) -> dict[str, Any]:
    """100 steps on two frames: the loss, from the first ten steps to the last ten."""
    import torch

    from sparse3d.engine.runner import Sparse3DRunner
    floor = FLOORS[name]
    torch.set_num_threads(1)
    config = plan(floor, simulated(floor.drive, data_root, seed), QUICK_FRAMES, QUICK_STEPS)
    config.train_dataloader.batch_size = QUICK_FRAMES
    config.work_dir, config.randomness = str(work_dir / name), dict(seed=seed)
    config.default_hooks.checkpoint = None
    losses: list[float] = []
    runner = Sparse3DRunner.from_cfg(config)
    runner.register_hook(_Losses(losses))
    runner.train()
    first, last = (sum(part) / len(part) for part in (losses[:10], losses[-10:]))
    return {'name': name, 'loss': [first, last], 'falls_to': floor.falls_to,
            'passed': last < floor.falls_to * first}


def _Losses(losses: list[float]):
    """A hook that notes the loss of every step."""
    from mmengine.hooks import Hook

    class Losses(Hook):
        def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
            losses.append(float(outputs['loss']))

    return Losses()


if __name__ == '__main__':
    sys.exit(main())
