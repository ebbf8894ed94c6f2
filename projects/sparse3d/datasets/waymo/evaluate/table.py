"""Result of a Waymo evaluation as text."""
from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sparse3d.datasets.waymo.evaluate.evaluate import WaymoResult

_COLUMNS = ('L1_AP', 'L1_APH', 'L2_AP', 'L2_APH')


def format_table(result: WaymoResult) -> str:
    """A row for each class, range and the mean; ground truths of both levels beside it."""
    shards = list(dict.fromkeys(name for name, _ in result.curves))
    names = sorted(shards, key=lambda name: (shards.index(name.split('_')[0]), name.count('_')))
    if 'Overall_L1_AP' in result.average_precision:
        names.append('Overall')
    lines = [f'{"":<20}' + ''.join(f'{title.replace("_", " "):>9}' for title in _COLUMNS)
             + '   ground truths L1/L2']
    for name in names:
        numbers = ''.join(f'{result.average_precision[f"{name}_{title}"]:9.4f}'
                          for title in _COLUMNS)
        counted = '' if name == 'Overall' else \
            f'   {result.num_gt[name, 1]}/{result.num_gt[name, 2]}'
        lines.append(f'{name.replace("_", " "):<20}{numbers}{counted}')
    return '\n'.join(lines + [f'note: {note}' for note in result.notes])
