"""The picture of a stored run of the benchmark ``growth``: costs against sizes, relative."""
from __future__ import annotations

import re
from collections.abc import Sequence
from io import BytesIO
from os import PathLike

from sparse3d.atomic_files import write_bytes_atomically
from sparse3d.errors import DataError
from sparse3d.transforms.text_files import read_json

Costs = list[tuple[int, float]]
_ROW = re.compile(r'(?P<model>\w+), (?P<axis>\w+): exponent of (?P<cost>[\w ]+)')
_PAIR = re.compile(r'(\d+): ([\d.e+-]+) (?:s|MiB)')
_COSTS = ('prediction', 'training step', 'memory of a training step')


def costs_in(note: str) -> Costs:
    """Sizes and costs that :func:`sparse3d_benchmarks.growth.note_of` wrote."""
    return [(int(size), float(value)) for size, value in _PAIR.findall(note.split(';')[0])]


def curves_of(rows: Sequence[dict]) -> dict[tuple[str, str], dict[str, Costs]]:
    """(Axis, cost) -> model -> sizes and costs.

    Raises:
        DataError: if there are none.
    """
    curves: dict[tuple[str, str], dict[str, Costs]] = {}
    for row in rows:
        found = _ROW.fullmatch(row['name'])
        if row['benchmark'] == 'growth' and found:
            curves.setdefault((found['axis'], found['cost']), {})[found['model']] = costs_in(
                row['note'])
    if not curves:
        raise DataError('the run has no rows of the benchmark growth; make one with '
                        '"sparse3d benchmark growth --threads 1 --repeats 1 --out FILE.json"')
    return curves


def draw_growth(source: str | PathLike, path: str | PathLike) -> None:
    """Draw a stored run: a column for each of points, voxels, ..., a row for each cost.

    Args:
        source: what ``sparse3d benchmark growth --out`` wrote.
        path: ``.webp`` or ``.png`` file.

    Raises:
        DataError: if the run cannot be read, or is another one.
    """
    from matplotlib.figure import Figure
    content = read_json(source)
    curves = curves_of(content.get('rows', []) if isinstance(content, dict) else [])
    axes_names = list(dict.fromkeys(axis for axis, _ in curves))
    models = sorted({model for of in curves.values() for model in of})
    figure = Figure(figsize=(3.2 * len(axes_names), 9), layout='constrained')
    table = figure.subplots(len(_COSTS), len(axes_names), squeeze=False)
    handles: dict[str, object] = {}
    for row, cost in enumerate(_COSTS):
        for column, axis in enumerate(axes_names):
            axes = table[row][column]
            axes.plot([1, 4], [1, 4], color='0.6', linestyle='--', label='_in proportion')
            for model, values in curves.get((axis, cost), {}).items():
                number = models.index(model)
                handles[model], = axes.plot(
                    [size / values[0][0] for size, _ in values],
                    [value / values[0][1] for _, value in values], marker='o',
                    color=f'C{number % 10}', linestyle='-' if number < 10 else ':')
            axes.set(xscale='log', yscale='log', xlabel=f'times as many {axis}',
                     ylabel=f'times the {cost}' if column == 0 else None)
            for side in (axes.xaxis, axes.yaxis):
                side.set_major_formatter('{x:g}')
                side.set_minor_formatter('')
            axes.set_xticks([1, 2, 4])
            axes.set_yticks([1, 2, 4])
            axes.grid(alpha=0.3)
    figure.legend(list(handles.values()), list(handles), loc='outside lower center', ncols=3,
                  fontsize='small')
    stream = BytesIO()
    figure.savefig(stream, format='webp' if str(path).endswith('.webp') else 'png', dpi=100)
    write_bytes_atomically(path, stream.getvalue())
