"""The benchmark ``growth`` model by model: what is measured is written at once, and not again.

    python -m sparse3d_benchmarks.growth_parts --out results/growth.json

The file is what ``sparse3d benchmark growth --out`` writes. Models whose rows it holds are left
out; with a file that is removed first, all are measured anew.
"""
from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from sparse3d.errors import ConfigError, DataError

NAME = 'sparse3d_benchmarks.growth_parts'


def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--out', required=True, metavar='FILE.json',
                        help='continued if it is there')
    parser.add_argument('--models', nargs='+', metavar='NAME',
                        help='configs of these models alone; default: all')
    parser.add_argument('--repeats', type=int, default=1,
                        help='timed calls, the quickest counts; at most two (%(default)s)')
    given = parser.parse_args(arguments)
    from sparse3d.apis.command_line import run_command
    raise SystemExit(run_command(lambda: measure_missing(
        given.out, given.models, given.repeats,
        shlex.join(['python', '-m', NAME, *(sys.argv[1:] if arguments is None else arguments)]))))


def measure_missing(out: str | Path, models: Sequence[str] | None, repeats: int,
                    command: str) -> list[str]:
    """Measure the models that a stored run lacks, and write each into it; their names.

    Raises:
        ConfigError: for a model that is none of the benchmark's.
        DataError: if the file is another one, or cannot be written.
    """
    from sparse3d.atomic_files import check_place
    from sparse3d.engine.result_record import write_result
    from sparse3d_benchmarks import growth
    from sparse3d_benchmarks.run import Row
    known = growth.model_names()
    unknown = [name for name in models or () if name not in known]
    if unknown:
        raise ConfigError(f'the benchmark growth has no model {", ".join(unknown)}; it has '
                          f'{", ".join(known)}')
    check_place(out)
    rows = stored_rows(out)
    there = {row['name'].split(',')[0].split(':')[0] for row in rows}
    missing = [name for name in models or known if name not in there]
    for number, name in enumerate(missing, start=1):
        print(f'{number} of {len(missing)}: {name}', flush=True)
        rows += [asdict(Row.of('growth', row))
                 for row in growth.run(repeats=repeats, models=[name])]
        write_result(out, dict(rows=rows, threads=1, command=command))
    print(f'{len(missing)} models measured and written to {out}, {len(there)} were there')
    return missing


def stored_rows(path: str | Path) -> list[dict]:
    """Rows of a stored run of growth; none if there is no file.

    Raises:
        DataError: if it is another file.
    """
    from sparse3d.transforms.text_files import read_json
    if not Path(path).is_file():
        return []
    content = read_json(path)
    rows = content.get('rows') if isinstance(content, dict) else None
    if not isinstance(rows, list) or not all(
            isinstance(row, dict) and row.get('benchmark') == 'growth' and 'name' in row
            for row in rows):
        raise DataError(f'{path} is no stored run of the benchmark growth; name another file, or '
                        f'remove it')
    return rows


if __name__ == '__main__':
    main()
