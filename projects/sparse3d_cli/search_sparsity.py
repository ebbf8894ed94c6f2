"""Search the ratios of windows with which a SparseSwin detector loses least at a limited cost.

The checkpoint should come from a training with DrawWindowRatiosHook (sparsity-aware adaptation), so
that it knows all ratios; nothing is trained here. The file of results is written after every
candidate: the same command goes on after an interruption.
"""
from __future__ import annotations

import argparse
from pathlib import Path

EXAMPLES = """\
  sparse3d search-sparsity CONFIG adapted.pth --limits 0.5 0.6 --out ratios.json
  sparse3d search-sparsity CONFIG adapted.pth --unit ms --limits 20 25 --out ratios.json
  sparse3d search-sparsity CONFIG adapted.pth --limits 0.6 0.7 --population 8 --out r.json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('config', help='config file, or its bare name')
    parser.add_argument('checkpoint', help='file with the weights of an adapted detector')
    parser.add_argument('--limits', type=float, nargs=2, required=True, metavar=('LOW', 'HIGH'),
                        help='of the cost of a candidate, in the unit')
    parser.add_argument('--unit', choices=['macs', 'ms'], default='macs',
                        help="macs: share of the multiplications of the dense backbone's blocks; "
                             'ms: time of the backbone for one sample, measured on this machine '
                             '(default: %(default)s)')
    parser.add_argument('--out', type=Path, required=True, metavar='FILE.json',
                        help='where the ratios and all candidates go')
    parser.add_argument('--metric', help='of the test, that is to stay high (default: the first '
                                         'mAP or AP)')
    parser.add_argument('--generations', type=int, default=10,
                        help='after the first, random one (default: %(default)s)')
    parser.add_argument('--population', type=int, default=100,
                        help='candidates of a generation (default: %(default)s)')
    parser.add_argument('--parents', type=int, default=25,
                        help='the best so far, whose children are next (default: %(default)s)')
    parser.add_argument('--seed', type=int, default=0, help='default: %(default)s')
    parser.add_argument('--work-dir', metavar='FOLDER',
                        help='for logs (default: work_dirs/<config name>)')
    parser.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE',
                        help='override the config')


def run(arguments: argparse.Namespace) -> None:
    from sparse3d.apis.search_sparsity import SearchRequest, search_sparsity
    from sparse3d.engine.config_options import parse_options
    from sparse3d.engine.ratio_search import SearchSettings
    low, high = arguments.limits
    request = SearchRequest(arguments.config, arguments.checkpoint, arguments.metric,
                            arguments.unit, tuple(arguments.cfg_options))
    settings = SearchSettings((low, high), arguments.generations, arguments.population,
                              arguments.parents, seed=arguments.seed)
    found = search_sparsity(request, arguments.out, settings,
                            parse_options(arguments.cfg_options), arguments.work_dir)
    print(f'ratios: {found["ratios"]}\nscore {found["score"]:.4f}, cost {found["cost"]:g} of '
          f'{found["dense_cost"]:g} {arguments.unit}; {found["scored"]} candidates scored in '
          f'{arguments.out}')
