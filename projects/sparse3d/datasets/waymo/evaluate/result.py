"""The numbers of a Waymo evaluation, and their table."""
from __future__ import annotations

from dataclasses import dataclass, field

from sparse3d.datasets.waymo.evaluate.average_precision import Curve

_COLUMNS = ('L1_AP', 'L1_APH', 'L2_AP', 'L2_APH')


@dataclass
class WaymoResult:
    """Numbers of one evaluation.

    Attributes:
        average_precision: 0 to 1 by key: ``Vehicle_L1_AP``, ``Vehicle_0-30m_L2_APH`` and
            ``Overall_...``, the mean over the classes that have ground truth.
        curves: counts, precision and recall by (shard, level), e.g. ``('Vehicle', 1)``.
        num_gt: ground truths of a level and below by (shard, level).
        notes: what the numbers do not say by themselves, in sentences.
    """

    average_precision: dict[str, float] = field(default_factory=dict)
    curves: dict[tuple[str, int], Curve] = field(default_factory=dict)
    num_gt: dict[tuple[str, int], int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def table(self) -> str:
        """The numbers by class and range, with the notes below."""
        return _format_table(self)


def _format_table(result: WaymoResult) -> str:
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
