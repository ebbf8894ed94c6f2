"""Turn a published checkpoint into one of Sparse3D."""
from __future__ import annotations

import argparse
import sys

EXAMPLES = """examples:
  python tools/convert_checkpoint.py focalsconv released.pth focalsconv.pth
  python tools/convert_checkpoint.py sparsebev released.pth ours.pth --config configs/sparsebev/X.py
  python tools/convert_checkpoint.py renames old.pth new.pth   # ours, from before names changed
"""


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('plug_in', help='whose method it is, e.g. focalsconv; renames: a '
                        'checkpoint of Sparse3D from before names were changed')
    parser.add_argument('source', help='the published file')
    parser.add_argument('target', help='where ours is written')
    parser.add_argument('--config', help='our config, where the weights do not tell which one')
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    from sparse3d.apis.command_line import run_command
    return run_command(lambda: run(arguments))


def run(arguments: argparse.Namespace) -> None:
    if arguments.plug_in == 'renames':
        from sparse3d.checkpoints.renames import rewrite_checkpoint
        for change in rewrite_checkpoint(arguments.source, arguments.target):
            print(change)
        return
    from sparse3d.checkpoints import convert_checkpoint
    done = convert_checkpoint(arguments.plug_in, arguments.source, arguments.target,
                              arguments.config)
    for key, value in done.options.items():
        print(f'published behavior, applied by itself: {key}={value}')
    for note in done.notes:
        print(note)
    print(f'{len(done.weights)} tensors written to {arguments.target}, for {done.config}')


if __name__ == '__main__':
    sys.exit(main())
