"""Check everything on this machine's GPU, and write one file to send back.

The parts: the doctor's table, every operator beside the CPU, a training step of every kind of model
in float32, float16 and bfloat16 with time and memory, a short training, and what plug-ins measure
against the way that they replace. Each runs in a process of its own: one that fails leaves the
others alone. Exit status 1 when something is broken, or when there is no GPU.
"""
from __future__ import annotations

import argparse
import sys

EXAMPLES = """\
  sparse3d gpu-check                       # everything; writes gpu_check.json
  sparse3d gpu-check --parts doctor operators
  sparse3d gpu-check --list
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--out', default='gpu_check.json', metavar='FILE.json',
                        help='the file, written anew after each part (default: %(default)s)')
    parser.add_argument('--parts', nargs='+', default=[], metavar='PART',
                        help='only these, as --list names them')
    parser.add_argument('--minutes', type=float, default=10, metavar='N',
                        help='after which no further part is begun; what is left out is said '
                             '(default: %(default)s)')
    parser.add_argument('--list', action='store_true', help='list the parts and stop')


def run(arguments: argparse.Namespace) -> int:
    import torch

    from sparse3d.apis.gpu_check import NO_GPU, format_part, gpu_check, part_names
    if arguments.list:
        names = part_names()
        print('\n'.join([*names, f'{len(names)} parts']))
        return 0
    if not torch.cuda.is_available():
        print(f'error: {NO_GPU}', file=sys.stderr)
        return 1
    parts = gpu_check(
        arguments.out, arguments.parts, minutes=arguments.minutes, show=lambda part: print(
            f'--- {part.name}, {part.seconds:.0f} s\n{format_part(part)}', flush=True))
    broken = [part.name for part in parts if part.state == 'broken']
    print(f'{len(parts)} parts checked, {len(broken)} with something broken'
          f'{": " + ", ".join(broken) if broken else ""}; written to {arguments.out}: send us this '
          f'file')
    return 1 if broken else 0
