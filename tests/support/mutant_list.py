"""The list of mutants: drawn by seed from every room of the house, and written by hand."""
from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from mutant_operators import Change, changed, changes

REPOSITORY = Path(__file__).resolve().parents[2]
SUPPORT = Path(__file__).parent
BY_HAND, EQUIVALENT = SUPPORT / 'hand_mutants.toml', SUPPORT / 'equivalent_mutants.toml'
# What the mutants are drawn from, by globs of files.
ROOMS = {
    'heads': ('projects/*/*head*.py', 'projects/sparse3d/models/heads/*.py',
              'projects/*/*decoder*.py', 'projects/*/*attention*.py'),
    'losses': ('projects/*/*loss*.py', 'projects/sparse3d/models/*/*loss*.py',
               'projects/sparse3d/models/center/predicted_iou.py'),
    'targets': ('projects/*/*target*.py', 'projects/sparse3d/models/*/*target*.py',
                'projects/*/*matching*.py', 'projects/sparse3d/models/query/*.py'),
    'coders': ('projects/sparse3d/models/*/*coder.py', 'projects/*/*decoding.py',
               'projects/sparse3d/models/query/box_code.py',
               'projects/sparse3d/structures/box_*.py'),
    'operators': ('projects/sparse3d/ops/*.py', 'projects/focalsconv/*pooling.py',
                  'projects/dsvt/rotated_sets.py', 'projects/dsvt/window_partition.py'),
    'metrics': ('projects/sparse3d/metrics/*.py', 'projects/sparse3d/datasets/*/evaluate/*.py',
                'projects/sparse3d/datasets/waymo/keypoints/*.py'),
    'simulators': ('projects/sparse3d/simulate/*.py',
                   'projects/sparse3d/datasets/*/simulate/*.py'),
    'recipes': ('configs/**/_base_/schedules/*.py', 'configs/**/_base_/models/*.py'),
}
WITHOUT_A_CPU = {'projects/sparse3d/ops/sample_views_triton.py'}  # run on GPUs alone


@dataclass(frozen=True)
class Mutant:
    """One wrong line.

    Attributes:
        origin: ``'hand'``, or the room that it was drawn from.
        operator: name of the rule; what is wrong, by hand.
        file: relative to the repository.
        old, new: text; ``old`` stands in the file once. Drawn ones: the whole line.
        row: of the line, from 1; 0: where ``old`` stands.
    """

    origin: str
    operator: str
    file: str
    old: str
    new: str
    row: int = 0

    @property
    def name(self) -> str:
        """Short and the same in every run, as long as the line is."""
        text = '\0'.join((self.file, self.old, self.new, str(self.row)))
        return hashlib.sha256(text.encode()).hexdigest()[:10]

    def apply(self, source: str) -> str:
        """The file with the mutant in it.

        Raises:
            ValueError: if the text that it changes is not there exactly once.
        """
        if self.row:
            lines = source.splitlines(keepends=True)
            start, length = self.row - 1, self.old.count('\n')
            if ''.join(lines[start:start + length]) != self.old:
                raise ValueError(f'{self.file}:{self.row} is no longer {self.old!r}')
            return ''.join([*lines[:start], self.new, *lines[start + length:]])
        if source.count(self.old) != 1:
            raise ValueError(f'{self.file} holds {self.old!r} {source.count(self.old)} times')
        return source.replace(self.old, self.new)


def mutants(seed: int = 0, drawn: int = 75, root: Path = REPOSITORY) -> list[Mutant]:
    """Those written by hand, then those drawn."""
    return [*by_hand(), *draw(seed, drawn, root)]


def by_hand(path: Path = BY_HAND) -> list[Mutant]:
    """The mutants of ``hand_mutants.toml``."""
    return [Mutant('hand', entry['wrong'], entry['file'], entry['old'], entry['new'])
            for entry in read_tables(path)]


def draw(seed: int, number: int, root: Path = REPOSITORY) -> list[Mutant]:
    """Mutants by rule: room after room, in each the operators in turn, lines by chance."""
    of_room = {room: _by_operator(room, root, seed) for room in ROOMS}
    found: list[Mutant] = []
    while len(found) < number and any(of_room.values()):
        for room, operators in of_room.items():
            if len(found) == number or not operators:
                continue
            operator = next(iter(operators))
            queue = operators.pop(operator)         # to the end of the line
            mutant = _lines(room, *queue.pop())
            if mutant.name not in {other.name for other in found}:  # files of two rooms
                found.append(mutant)
            if queue:
                operators[operator] = queue
    return found


def equivalent(path: Path = EQUIVALENT) -> dict[tuple[str, str, str], str]:
    """Why a change of ``file`` from ``old`` to ``new`` (lines without blanks) changes nothing."""
    return {(entry['file'], entry['old'].strip(), entry['new'].strip()): entry['reason']
            for entry in read_tables(path)}


def read_tables(path: Path) -> list[dict[str, str]]:
    """Tables of one-line strings under ``[[mutant]]``; Python 3.10 has no reader of TOML."""
    tables: list[dict[str, str]] = []
    for line in path.read_text().splitlines():
        if line == '[[mutant]]':
            tables.append({})
        elif line and not line.startswith('#'):
            key, _, value = line.partition(' = ')
            tables[-1][key] = value[1:-1] if value.startswith("'") else json.loads(value)
    return tables


def _by_operator(room: str, root: Path, seed: int) -> dict[str, list[tuple[str, str, Change]]]:
    """File, source and change of all that could be drawn, by operator.

    Their order follows from the seed and the line, so that a change of one line leaves the others.
    """
    def place(drawn: tuple[str, str, Change]) -> str:
        file, source, change = drawn
        return _digest(seed, file, source.splitlines()[change.row - 1], change.column, change.text)

    queues: dict[str, list[tuple[str, str, Change]]] = defaultdict(list)
    files = {path.relative_to(root).as_posix() for glob in ROOMS[room] for path in root.glob(glob)}
    for file in sorted(files - WITHOUT_A_CPU):
        source = (root / file).read_text()
        for change in changes(source, recipe=file.startswith('configs/')):
            queues[change.operator].append((file, source, change))
    return {operator: sorted(queues[operator], key=place)
            for operator in sorted(queues, key=lambda name: _digest(seed, room, name))}


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _lines(room: str, file: str, source: str, change: Change) -> Mutant:
    """The whole lines that a change touches."""
    lines, after = (text.splitlines(keepends=True) for text in (source, changed(source, change)))
    start, rest = change.row - 1, len(lines) - change.end_row
    return Mutant(room, change.operator, file, ''.join(lines[start:change.end_row]),
                  ''.join(after[start:len(after) - rest]), change.row)
