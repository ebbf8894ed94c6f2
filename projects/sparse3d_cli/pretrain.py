"""Learn a detector's encoder from drives without labels, by masking.

LiDAR encoders hide columns of the cloud and tell their points (BEV-MAE); convolutional image
backbones hide patches and paint them (SparK). Then train the detector with one line in its config:
pretrained_encoder = 'FOLDER/encoder.pth'.
"""
from __future__ import annotations

import argparse
import os

EXAMPLES = """\
  sparse3d pretrain centerpoint_simulated_kitti_car --epochs 6 --work-dir work_dirs/unlabeled
  sparse3d train centerpoint_simulated_kitti_car --cfg-options pretrained_encoder=\
work_dirs/unlabeled/encoder.pth
  sparse3d pretrain CONFIG --of images            # a detector's image backbone
  sparse3d pretrain CONFIG --masked removed       # hidden voxels leave the sparse tensor
  sparse3d pretrain CONFIG --dry-run              # is everything there? then stop
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('config', help='of the detector that will be trained, or its bare name')
    parser.add_argument('--work-dir', help='folder for logs, checkpoints and encoder.pth; '
                        'default: work_dirs/<name of the config>_pretraining')
    parser.add_argument('--of', choices=['voxels', 'images'],
                        help='which encoder; default: what the detector has, voxels before images')
    parser.add_argument('--masked', choices=['token', 'removed'], default='token',
                        help='hidden voxels show a learned token, or leave the sparse tensor '
                             '(default: %(default)s)')
    parser.add_argument('--ratio', type=float, metavar='SHARE',
                        help='that is hidden; default: 0.7 of the columns, 0.6 of the patches')
    parser.add_argument('--epochs', type=int, default=20, metavar='N',
                        help='length (default: %(default)s)')
    parser.add_argument('--learning-rate', type=float, metavar='RATE',
                        help='at its highest; default: 0.0003')
    parser.add_argument('--seed', type=int, help='override the seed of the config')
    parser.add_argument('--batch-size', type=int, metavar='N',
                        help='samples that each process reads at a time')
    parser.add_argument('--workers', type=int, metavar='N',
                        help='processes that read data beside each training process')
    parser.add_argument('--resume', nargs='?', const='auto', metavar='CHECKPOINT',
                        help='go on from CHECKPOINT, or from the latest one in the work dir')
    parser.add_argument('--overwrite', action='store_true',
                        help='begin anew in a folder that holds checkpoints; they are removed')
    parser.add_argument('--amp', action='store_true', help='automatic mixed precision (GPU)')
    parser.add_argument('--dry-run', action='store_true',
                        help='build everything, read a batch of the data, and stop')
    parser.add_argument('--cfg-options', nargs='+', metavar='KEY=VALUE',
                        help="override the detector's config first, e.g. its data_root")
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none',
                        help='how several processes were started')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0,
                        help=argparse.SUPPRESS)


def run(arguments: argparse.Namespace) -> None:
    from sparse3d.apis.pretrain import PretrainingResult, pretrain
    from sparse3d.engine.config_options import parse_options
    from sparse3d.engine.distributed import leave_process_group
    from sparse3d.engine.pretraining_config import PretrainingOptions
    result = pretrain(
        arguments.config, arguments.work_dir,
        PretrainingOptions(arguments.of, arguments.masked, arguments.ratio, arguments.epochs,
                           arguments.learning_rate),
        parse_options(arguments.cfg_options), amp=arguments.amp, resume=arguments.resume,
        launcher=arguments.launcher, seed=arguments.seed, dry_run=arguments.dry_run,
        overwrite=arguments.overwrite, batch_size=arguments.batch_size,
        workers=arguments.workers)
    if os.environ.get('RANK', '0') == '0':
        if isinstance(result, PretrainingResult):
            if result.left_out:
                print(f'no labels were read; left out: {", ".join(result.left_out)}')
            print(f'{result.tensors} tensors of the encoder in {result.encoder}; train with '
                  f'--cfg-options pretrained_encoder={result.encoder}')
        else:
            print(result)
    leave_process_group()
