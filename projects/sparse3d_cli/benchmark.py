"""Measure operators against what they replace, in one run on this machine."""
from __future__ import annotations

import argparse

EXAMPLES = """\
  sparse3d benchmark                                 # all of the usual ones, an hour
  sparse3d benchmark sparse_convolution voxelization --threads 2
  sparse3d benchmark all --out results/benchmark.json
  sparse3d benchmark all --against results           # side by side with stored runs
  sparse3d benchmark all --against original          # only rows beside the original's way
  sparse3d benchmark --list
"""
ORIGINAL = 'original'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('names', nargs='*', default=['all'],
                        help='which benchmarks; default: all, without those that take long')
    parser.add_argument('--threads', type=int, default=2, help='torch threads (%(default)s)')
    parser.add_argument('--repeats', type=int, default=10,
                        help='timed calls after warm-up; the median is shown (%(default)s)')
    parser.add_argument('--out', metavar='FILE.json', help='write the rows with how they were made')
    parser.add_argument('--against', nargs='+', metavar='FILE.json',
                        help='stored runs, or folders of them, to show beside; or the word '
                             'original: only rows measured beside the released code, spconv, mmcv '
                             'or a devkit')
    parser.add_argument('--list', action='store_true', help='look up, list and stop')


def run(arguments: argparse.Namespace) -> None:
    from sparse3d.plugins import offers
    from sparse3d_benchmarks.names import chosen, is_apart
    names = chosen(arguments.names)
    apart = [name for name in offers('benchmarks') if is_apart(name) and name not in names] \
        if 'all' in arguments.names else []
    if arguments.list:
        print('\n'.join([*names, *apart, f'{len(names + apart)} benchmarks']))
        return
    if apart:
        print(f'left out, to be named themselves: {", ".join(apart)}', flush=True)
    from dataclasses import asdict

    from sparse3d.atomic_files import check_place
    from sparse3d.engine.result_record import write_result
    from sparse3d.errors import Sparse3DError
    from sparse3d_benchmarks.run import benchmark, beside, format_table, told_ratios
    from sparse3d_benchmarks.stored_runs import StoredRuns
    if arguments.out:
        check_place(arguments.out)
    beside_original = arguments.against == [ORIGINAL]
    before = StoredRuns.read(arguments.against) \
        if arguments.against and not beside_original else None  # before it runs
    failed: dict[str, Exception] = {}
    several = len(names) > 1
    rows = benchmark(arguments.names, arguments.threads, arguments.repeats,
                     failed.__setitem__ if several else None)
    if beside_original:
        rows = [row for row in rows if row.original]
    print(format_table(rows, arguments.threads, before))
    if beside_original:
        print(told_ratios(rows))
    if arguments.out:
        old = beside(rows, before) if before else [{}] * len(rows)
        found = [{**asdict(row), **more} for row, more in zip(rows, old, strict=True)]
        write_result(arguments.out, {
            'rows': found, 'threads': arguments.threads,
            **({'against': list(before.runs)} if before else {})})
    print(f'{len(rows)} rows measured'
          + (f' and written to {arguments.out}' if arguments.out else ''))
    if failed:
        words = '; '.join(f'{name}: {type(error).__name__}: {" ".join(str(error).split())[:120]}'
                          for name, error in failed.items())
        raise Sparse3DError(f'{len(failed)} of the benchmarks failed ({words}); run one of them '
                            f'alone to see where')
