"""Train and test several configs with several seeds on the same data, for one table.

Each ROW is CONFIG, NAME=CONFIG, or NAME=CONFIG@ROW: the last tests the weights that the
row ROW trained under another config (a camera lost, half of the beams). Runs that the
output file already has are kept: the same command goes on after an interruption.
"""
from __future__ import annotations

import argparse
from pathlib import Path

EXAMPLES = """\
  sparse3d compare plain=CONFIG focal=CONFIG --seeds 0 1 2 --out results/ab.json
  sparse3d compare fused=CONFIG 'one camera lost=CONFIG@fused' --out f.json
  sparse3d compare CONFIG CONFIG --out ab.json --cost 20     # time and voxels, runs done
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('rows', nargs='+', metavar='ROW', help='see above')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2],
                        help='of the trainings (default: 0 1 2)')
    parser.add_argument('--out', type=Path, required=True, metavar='FILE.json',
                        help='where the numbers go, one record of each run')
    parser.add_argument('--work-dir', type=Path, metavar='FOLDER',
                        help='logs and checkpoints; default: work_dirs/<name of FILE>')
    parser.add_argument('--jobs', type=int, default=1,
                        help='trainings at once, sharing the cores (default: %(default)s)')
    parser.add_argument('--data', default='', metavar='COMMAND',
                        help='how the data was made: kept in the file for its readers')
    parser.add_argument('--cost', type=int, default=0, metavar='FRAMES',
                        help='train nothing: measure time and voxels of the runs that the file '
                        'has, over so many test frames, one after the other')
    parser.add_argument('--allow-partial', action='store_true',
                        help='let load_from of the options name a checkpoint that fits some rows '
                        'in part alone')
    parser.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE',
                        help='override every config')


def configs(arguments: argparse.Namespace) -> list[str]:
    """The configs of the rows, whose names are checked before anything is imported."""
    return [row.rpartition('=')[2].partition('@')[0] for row in arguments.rows]


def run(arguments: argparse.Namespace) -> None:
    from sparse3d.apis.compare import Plan, Row, add_costs, compare
    from sparse3d.engine.allocator import set_allocator
    plan = Plan(
        [Row.parse(text) for text in arguments.rows], arguments.seeds, arguments.out,
        arguments.work_dir or Path('work_dirs') / arguments.out.stem,
        tuple(arguments.cfg_options), arguments.jobs, arguments.data, arguments.allow_partial)
    set_allocator()  # --cost measures here what a test would take
    content = add_costs(plan, arguments.cost) if arguments.cost else compare(plan)
    done = sum(map(plan.has, content['runs']))
    print(f'{done} of {len(plan.rows) * len(plan.seeds)} runs in {plan.out}')
