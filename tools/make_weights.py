"""Make the weights that come with Sparse3D: simulate, train, choose a threshold, publish.

A run that was stopped goes on where it stopped. The folder is written as `sparse3d publish` does,
with a model card; `make weights` runs this. A folder that is there is not written over.

Examples:
  python tools/make_weights.py
  python tools/make_weights.py --folder work_dirs/again      # beside those that are there
  python tools/make_weights.py --name no_plants --folder work_dirs/ablation --without plants
"""
from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from sparse3d.apis.command_line import run_command
from sparse3d.apis.weights_recipe import Recipe


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--frames', type=int, default=Recipe.frames,
                        help='simulated sweeps (%(default)s)')
    parser.add_argument('--epochs', type=int, default=Recipe.epochs,
                        help='of the training (%(default)s)')
    parser.add_argument('--seed', type=int, default=Recipe.seed, help='of both (%(default)s)')
    parser.add_argument('--batch-size', type=int, default=Recipe.batch_size,
                        help='sweeps of a step (%(default)s)')
    parser.add_argument('--val-fraction', type=float, default=Recipe.val_fraction, metavar='SHARE',
                        help='of the places, on which the score threshold is chosen (%(default)s)')
    parser.add_argument('--false-per-frame', type=float, default=Recipe.false_per_frame,
                        metavar='N', help='false cars a frame at that threshold (%(default)s)')
    parser.add_argument('--without', nargs='+', default=[], metavar='INGREDIENT',
                        help='of the simulation, left out; see "sparse3d simulate custom --help"')
    parser.add_argument('--load-from', default='', metavar='CHECKPOINT',
                        help='that the training begins with (default: from nothing)')
    parser.add_argument('--name', default='anywhere', help='of the weights (%(default)s)')
    parser.add_argument('--folder', type=Path, help='where a folder of that name is written '
                        '(default: the package, from where load_detector takes it)')
    parser.add_argument('--data', type=Path, help='of the sweeps (default: data/<name>)')
    parser.add_argument('--work-dir', type=Path, help='default: work_dirs/<name>')
    parser.add_argument('--workers', type=int, default=1, help='processes that simulate')
    return run_command(lambda: _make(parser.parse_args(given)))


def _make(arguments: argparse.Namespace) -> None:
    recipe = Recipe(arguments.frames, arguments.epochs, arguments.seed, arguments.val_fraction,
                    arguments.false_per_frame, without=arguments.without,
                    batch_size=arguments.batch_size, load_from=arguments.load_from)
    from sparse3d.apis.make_weights import FOLDER, make_weights
    from sparse3d.engine.allocator import set_allocator
    set_allocator()
    name = arguments.name
    make_weights(arguments.work_dir or Path('work_dirs') / name,
                 arguments.data or Path('data') / name, recipe, name,
                 arguments.folder or FOLDER, arguments.workers)


if __name__ == '__main__':
    sys.exit(main())
