"""Evaluate a checkpoint on the test set of its config."""
from __future__ import annotations

import argparse
import os

from sparse3d.parallel.executors import add_executor

EXAMPLES = """\
  sparse3d test CONFIG work_dirs/mine/epoch_80.pth
  sparse3d test CONFIG CHECKPOINT --out scores.json
  sparse3d test CONFIG CHECKPOINT --exported exported   # the score of exported graphs
  torchrun --nproc-per-node 4 -m sparse3d test CONFIG CHECKPOINT --launcher pytorch
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('config', help='config file, or its bare name')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--work-dir', help='folder for logs; '
                        'default: work_dirs/<name of the config>')
    parser.add_argument('--out', metavar='FILE.json',
                        help='write the metrics, with how they were made, to this file')
    parser.add_argument('--cfg-options', nargs='+', metavar='KEY=VALUE',
                        help='override the config, e.g. test_dataloader.batch_size=1')
    parser.add_argument('--allow-partial', action='store_true',
                        help='take a checkpoint of which only a part fits the model')
    parser.add_argument('--exported', metavar='FOLDER',
                        help='predict with the graphs of this export of the checkpoint, in ONNX '
                             'Runtime; sparse convolutions by the reference, which is slow')
    add_executor(parser, workers=None)
    parser.add_argument('--verbose', action='store_true', help='show all that is logged')
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none',
                        help='how several processes were started')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0,
                        help=argparse.SUPPRESS)


def run(arguments: argparse.Namespace) -> None:
    from sparse3d.apis import test
    from sparse3d.apis.train import choose_work_dir
    from sparse3d.atomic_files import check_place
    from sparse3d.engine.config_options import parse_options
    from sparse3d.engine.distributed import leave_process_group
    from sparse3d.engine.load_config import load_config
    from sparse3d.engine.result_record import write_result
    from sparse3d.parallel.failures import say_retried
    if arguments.out:
        check_place(arguments.out)
    if arguments.retry_failed:
        say_retried(choose_work_dir(load_config(arguments.config), arguments.work_dir))
    metrics = test(
        arguments.config, arguments.checkpoint, arguments.work_dir,
        parse_options(arguments.cfg_options), launcher=arguments.launcher,
        allow_partial=arguments.allow_partial, verbose=arguments.verbose,
        workers=arguments.workers, exported=arguments.exported)
    if os.environ.get('RANK', '0') == '0':
        if arguments.out:
            write_result(arguments.out, {'metrics': metrics})
        print(f'evaluated {arguments.checkpoint}: {len(metrics)} metrics'
              + (f' written to {arguments.out}' if arguments.out else ''))
    leave_process_group()
