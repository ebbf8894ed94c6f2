"""Train a detector from its config."""
from __future__ import annotations

import argparse
import os

EXAMPLES = """\
  sparse3d train focalsconv_centerpoint_kitti_car   # a bare name, or a path
  sparse3d train CONFIG --work-dir work_dirs/mine --epochs 10
  sparse3d train CONFIG --dry-run                # is everything there? then stop
  sparse3d train CONFIG --batch-size 4 --accumulate 4 --auto-scale-lr   # on a smaller GPU
  sparse3d train CONFIG --resume                 # go on after an interruption
  torchrun --nproc-per-node 4 -m sparse3d train CONFIG --launcher pytorch --auto-scale-lr
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('config', help='config file, or its bare name')
    parser.add_argument('--work-dir', help='folder for logs and checkpoints; '
                        'default: work_dirs/<name of the config>')
    parser.add_argument('--resume', nargs='?', const='auto', metavar='CHECKPOINT',
                        help='go on from CHECKPOINT, or from the latest one in the work dir, '
                             'with its seed, rates and schedules')
    parser.add_argument('--overwrite', action='store_true',
                        help='train anew in a folder that holds checkpoints; they are removed')
    parser.add_argument('--epochs', type=int, metavar='N',
                        help='train N epochs: schedules, fade-out, averages of weights and '
                             'validation are stretched to them, the highest rate stays')
    parser.add_argument('--cfg-options', nargs='+', metavar='KEY=VALUE',
                        help='override the config, e.g. optim_wrapper.optimizer.lr=0.001')
    parser.add_argument('--seed', type=int, help='override the seed of the config; a resumed '
                        'training keeps its own')
    parser.add_argument('--batch-size', type=int, metavar='N',
                        help='samples that each process reads at a time')
    parser.add_argument('--accumulate', type=int, metavar='N',
                        help='take the mean gradient of N batches for a step: N times the batch '
                             'size in the memory of one; warm-ups in iterations count batches')
    parser.add_argument('--workers', type=int, metavar='N',
                        help='processes that read data beside each training process')
    parser.add_argument('--amp', action='store_true', help='automatic mixed precision (GPU)')
    parser.add_argument('--auto-scale-lr', action='store_true',
                        help='scale the learning rate by the samples of a step (batch size x '
                             'processes x accumulated batches) over those it was chosen for')
    parser.add_argument('--allow-partial', action='store_true',
                        help='let load_from name a checkpoint of which only a part fits')
    parser.add_argument('--log-to', nargs='+', default=[], choices=['tensorboard', 'wandb'],
                        help='draw the curves there too')
    parser.add_argument('--dry-run', action='store_true',
                        help='build everything, read a batch of the data, list the learning rates '
                             'at start, peak and end, and stop')
    parser.add_argument('--verbose', action='store_true', help='show all that is logged')
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none',
                        help='how several processes were started')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0,
                        help=argparse.SUPPRESS)


def run(arguments: argparse.Namespace) -> None:
    from sparse3d.apis import train
    from sparse3d.engine.config_options import parse_options
    from sparse3d.engine.distributed import leave_process_group
    result = train(
        arguments.config, arguments.work_dir, parse_options(arguments.cfg_options),
        amp=arguments.amp, resume=arguments.resume, auto_scale_lr=arguments.auto_scale_lr,
        launcher=arguments.launcher, seed=arguments.seed,
        allow_partial=arguments.allow_partial, verbose=arguments.verbose,
        log_to=arguments.log_to, dry_run=arguments.dry_run, epochs=arguments.epochs,
        overwrite=arguments.overwrite, batch_size=arguments.batch_size,
        workers=arguments.workers, accumulate=arguments.accumulate)
    if os.environ.get('RANK', '0') == '0':
        print(result)
    leave_process_group()
