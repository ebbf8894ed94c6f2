"""Make the weights that come with Sparse3D: simulate, train, choose a threshold, publish.

A run that was stopped goes on where it stopped. The folder is written as `sparse3d publish` does,
with a model card; `make weights` runs this.

Examples:
  python tools/make_weights.py
  python tools/make_weights.py --name no_plants --folder work_dirs/ablation --without plants
"""
from __future__ import annotations

import argparse
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--frames', type=int, default=1100, help='simulated sweeps (%(default)s)')
    parser.add_argument('--epochs', type=int, default=4, help='of the training (%(default)s)')
    parser.add_argument('--seed', type=int, default=28, help='of both (%(default)s)')
    parser.add_argument('--without', nargs='+', default=[], metavar='INGREDIENT',
                        help='of the simulation, left out; see "sparse3d simulate custom --help"')
    parser.add_argument('--name', default='anywhere', help='of the weights (%(default)s)')
    parser.add_argument('--folder', type=Path, help='where a folder of that name is written '
                        '(default: the package, from where load_detector takes it)')
    parser.add_argument('--data', type=Path, help='of the sweeps (default: data/<name>)')
    parser.add_argument('--work-dir', type=Path, help='default: work_dirs/<name>')
    parser.add_argument('--workers', type=int, default=1, help='processes that simulate')
    arguments = parser.parse_args()
    from sparse3d.apis.make_weights import FOLDER, Recipe, make_weights
    from sparse3d.engine.allocator import set_allocator
    set_allocator()
    name = arguments.name
    make_weights(arguments.work_dir or Path('work_dirs') / name,
                 arguments.data or Path('data') / name,
                 Recipe(arguments.frames, arguments.epochs, arguments.seed,
                        without=tuple(arguments.without)),
                 name, arguments.folder or FOLDER, arguments.workers)


if __name__ == '__main__':
    main()
