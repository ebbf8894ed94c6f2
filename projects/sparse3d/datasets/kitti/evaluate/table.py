"""Result of a KITTI evaluation as text."""
from __future__ import annotations

from typing import TYPE_CHECKING

from sparse3d.datasets.kitti.evaluate.matching import DIFFICULTIES

if TYPE_CHECKING:
    from sparse3d.datasets.kitti.evaluate.evaluate import KittiResult

_COLUMNS = (('AP_R40', 40, 'strict'), ('AP_R40 loose', 40, 'loose'), ('AP_R11', 11, 'strict'))


def format_table(result: KittiResult) -> str:
    """Rows of class and metric; easy, moderate and hard under each kind of average."""
    from sparse3d.datasets.kitti.evaluate.evaluate import result_key
    names = list(dict.fromkeys(key[0] for key in result.curves))
    kinds = list(dict.fromkeys(key[1] for key in result.curves))
    if any(key.startswith('Overall') for key in result.average_precision):
        names.append('Overall')
    head = '  easy   mod.   hard'
    lines = [' ' * 22 + ' | '.join(f'{title:^{len(head)}}' for title, _, _ in _COLUMNS),
             f'{"class":<14}{"metric":<8}' + ' | '.join(head for _ in _COLUMNS)]
    lines.append('-' * len(lines[-1]))
    for name in names:
        for kind in kinds:
            groups = [[result.average_precision[result_key(name, kind, points, difficulty,
                                                           strictness)]
                       for difficulty in DIFFICULTIES] for _, points, strictness in _COLUMNS]
            numbers = ' | '.join(' '.join(f'{value:6.2f}' for value in group) for group in groups)
            lines.append(f'{name:<14}{kind:<8}{numbers}')
    counted = ', '.join(
        f'{name} ' + '/'.join(str(result.num_gt[name, level]) for level in DIFFICULTIES)
        for name in names if name != 'Overall')
    lines.append(f'ground truths (easy/moderate/hard): {counted}')
    return '\n'.join(lines + [f'note: {note}' for note in result.notes])
