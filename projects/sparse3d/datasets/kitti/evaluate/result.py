"""The numbers of a KITTI evaluation, and their table."""
from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from sparse3d.datasets.kitti.evaluate.matching import DIFFICULTIES

_COLUMNS = (('AP_R40', 40, 'strict'), ('AP_R40 loose', 40, 'loose'), ('AP_R11', 11, 'strict'))


@dataclass
class KittiResult:
    """Numbers of one evaluation.

    Attributes:
        average_precision: percent by key: ``Car_3D_R40_moderate`` (strict overlaps),
            ``Car_3D_R40_moderate_loose``, the same with R11, and ``Overall_...``, the
            mean over the classes that have ground truth. Metrics are 2D, AOS, BEV, 3D.
        curves: precision over the 41 recall points by (class, metric, strictness,
            difficulty).
        num_gt: counting ground truths by (class, difficulty).
        notes: what the numbers do not say by themselves, in sentences.
    """

    average_precision: dict[str, float] = field(default_factory=dict)
    curves: dict[tuple[str, str, str, str], np.ndarray] = field(default_factory=dict)
    num_gt: dict[tuple[str, str], int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def table(self) -> str:
        """The numbers by class and metric, with the notes below."""
        return _format_table(self)


def result_key(wanted: str, kind: str, points: int, difficulty: str, strictness: str) -> str:
    """Name of a number, e.g. ``Car_3D_R40_moderate`` or ``Car_3D_R40_moderate_loose``."""
    ending = '' if strictness == 'strict' else f'_{strictness}'
    return f'{wanted}_{kind}_R{points}_{difficulty}{ending}'


def _format_table(result: KittiResult) -> str:
    """Rows of class and metric; easy, moderate and hard under each kind of average."""
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
