"""Set weights of a trained model to zero, once, and say what it saves.

2:4 (two of every four inputs) is what NVIDIA GPUs compute in half the time; a share of the smallest
weights, alone or in blocks, makes the file small. Accuracy comes back with training, by two lines
of a config: load_from = 'OUT' and custom_hooks = [dict(type='WeightSparsityHook', mode='fixed')]
"""
from __future__ import annotations

import argparse

EXAMPLES = """\
  sparse3d prune dsvt_simulated_waymo trained.pth pruned.pth            # 2:4 in linear layers
  sparse3d prune CONFIG trained.pth pruned.pth --sparsity 0.8 --block 4 1
  sparse3d prune CONFIG trained.pth pruned.pth --layers linear conv1x1 --exclude bbox_head
  sparse3d prune CONFIG trained.pth pruned.pth --frames 1   # multiplications of a test frame
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('config', help='config file, or its bare name')
    parser.add_argument('checkpoint', help='trained weights, ours or converted')
    parser.add_argument('out', help='where the checkpoint with zeros and its masks is written')
    parser.add_argument('--pattern', choices=['2:4'],
                        help='two of every four neighbors stay (the default)')
    parser.add_argument('--sparsity', type=float, metavar='SHARE',
                        help='instead: share of the smallest weights that becomes zero')
    parser.add_argument('--block', type=int, nargs=2, default=[1, 1], metavar=('ROWS', 'COLUMNS'),
                        help='with --sparsity: zeros in blocks of the matrix')
    parser.add_argument('--distribution', choices=['uniform', 'erk'], default='uniform',
                        help='with --sparsity: over the layers (default: %(default)s)')
    parser.add_argument('--layers', nargs='+', default=['linear'],
                        choices=['linear', 'conv1x1', 'conv', 'sparse_conv'],
                        help='kinds of layers (default: linear)')
    parser.add_argument('--include', default='', metavar='PATTERN',
                        help='take weights of these names alone, sensitive ones too')
    parser.add_argument('--exclude', default='', metavar='PATTERN', help='names that stay dense')
    parser.add_argument('--frames', type=int, choices=[0, 1], default=0,
                        help='1: count the multiplications of a test frame')
    parser.add_argument('--cfg-options', nargs='+', metavar='KEY=VALUE',
                        help='override the config')


def run(arguments: argparse.Namespace) -> None:
    from sparse3d.apis.prune import Pruning, prune
    from sparse3d.engine.config_options import parse_options
    pattern = arguments.pattern or (None if arguments.sparsity is not None else '2:4')
    report = prune(
        arguments.config, arguments.checkpoint, arguments.out,
        Pruning(pattern, arguments.sparsity, tuple(arguments.block), arguments.distribution,
                arguments.layers, arguments.include, arguments.exclude),
        arguments.frames, parse_options(arguments.cfg_options))
    print(report)
    print(f'written to {arguments.out}')
