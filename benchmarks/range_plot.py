"""The picture of a stored run of the benchmark ``range``: CPU time and memory against range."""
from __future__ import annotations

import re
from collections.abc import Sequence
from io import BytesIO
from os import PathLike

from sparse3d.atomic_files import write_bytes_atomically
from sparse3d.errors import DataError
from sparse3d.transforms.text_files import read_json

Curves = dict[str, dict[str, list[tuple[float, float]]]]
_ROW = re.compile(r'(?P<model>\w+) at (?P<range>[\d.]+) m, (?P<what>cpu|memory)')
_EXPONENT = re.compile(r'(?P<model>\w+), (?P<what>cpu|memory): exponent of the area')
_TITLES = (('cpu', 'CPU time of a detection [s]'), ('memory', 'memory of tensors, at most [MiB]'))


def curves_of(rows: Sequence[dict]) -> Curves:
    """``cpu`` and ``memory`` -> model -> (range [m], value), rising.

    Raises:
        DataError: if there are none.
    """
    curves: Curves = {}
    for row in rows:
        found = _ROW.fullmatch(row['name'])
        if row['benchmark'] == 'range' and found:
            curves.setdefault(found['what'], {}).setdefault(found['model'], []).append(
                (float(found['range']), float(row['value'])))
    if set(curves) != {what for what, _ in _TITLES}:
        raise DataError('the run has no rows of the benchmark range; make one with '
                        '"sparse3d benchmark range --threads 1 --repeats 1 --out FILE.json"')
    return {what: {model: sorted(values) for model, values in of.items()}
            for what, of in curves.items()}


def draw_range(source: str | PathLike, path: str | PathLike) -> None:
    """Draw a stored run.

    Args:
        source: what ``sparse3d benchmark range --out`` wrote.
        path: ``.webp`` or ``.png`` file.

    Raises:
        DataError: if the run cannot be read, or is another one.
    """
    from matplotlib.figure import Figure
    content = read_json(source)
    rows = content.get('rows', []) if isinstance(content, dict) else []
    curves, exponents = curves_of(rows), _exponents(rows)
    figure = Figure(figsize=(10, 4), layout='constrained')
    for axes, (what, title) in zip(figure.subplots(1, 2), _TITLES, strict=True):
        for model, values in curves[what].items():
            power = exponents.get((model, what))
            label = model if power is None else f'{model} (area to the power of {power:.2f})'
            axes.plot(*zip(*values, strict=True), marker='o', label=label)
        axes.set(xlabel='range [m]', title=title, ylim=(0, None), xlim=(0, None))
        axes.grid(alpha=0.3)
        axes.legend()
    stream = BytesIO()
    figure.savefig(stream, format='webp' if str(path).endswith('.webp') else 'png', dpi=110)
    write_bytes_atomically(path, stream.getvalue())


def _exponents(rows: Sequence[dict]) -> dict[tuple[str, str], float]:
    found = {_EXPONENT.fullmatch(row['name']): row['value'] for row in rows}
    return {(match['model'], match['what']): value for match, value in found.items() if match}
