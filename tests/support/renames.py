"""What was renamed: docs/renames.csv, with the columns ``kind``, ``old`` and ``new``."""
from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

COLUMNS = ('kind', 'old', 'new')


@dataclass(frozen=True)
class Renames:
    """Pairs of old and new names of each kind.

    A ``parameter`` is a whole name or its leading parts (``bbox_head.box_layer``); with ``*.`` in
    front (``*.box_layer``) the parts may lie anywhere. A ``config`` is its path below ``configs``
    or its bare name. A ``loss`` is its name.
    """

    pairs: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Renames:
        """The pairs of a file; none if there is no file.

        Raises:
            ValueError: if the file lacks a column.
        """
        pairs: dict[str, list[tuple[str, str]]] = {}
        if path.is_file():
            with path.open(newline='', encoding='utf-8') as lines:
                reader = csv.DictReader(lines)
                lacking = set(COLUMNS) - set(reader.fieldnames or ())
                if lacking:
                    raise ValueError(f'{path} has no column {", ".join(sorted(lacking))}; its '
                                     f'first line must name {", ".join(COLUMNS)}')
                for row in reader:
                    pairs.setdefault(row['kind'].strip(), []).append(
                        (_plain(row['kind'], row['old']), _plain(row['kind'], row['new'])))
        return cls(pairs)

    def new(self, kind: str, name: str) -> str:
        """What a name of before is called now."""
        return self._follow(kind, name, [(old, new) for old, new in self.pairs.get(kind, ())])

    def original(self, kind: str, name: str) -> str:
        """What a name of now was called at first."""
        return self._follow(kind, name, [(new, old) for old, new in self.pairs.get(kind, ())])

    def _follow(self, kind: str, name: str, pairs: list[tuple[str, str]]) -> str:
        """Apply pairs, the longest first, each once, until none fits."""
        waiting = sorted(pairs, key=lambda pair: -len(pair[0]))
        while True:
            for pair in waiting:
                changed = _replace(kind, name, *pair)
                if changed != name:
                    name = changed
                    waiting = [other for other in waiting if other != pair]
                    break
            else:
                return name

    def match(self, kind: str, before: dict[str, str], now: Iterable[str]) -> dict[str, str]:
        """Which name of now is which of before, as far as they can be told.

        Args:
            kind: of names.
            before: names with what each was called at first, which is not the same where the
                record was made after some renaming.
            now: names.
        """
        now = list(now)
        by_original = {self.original(kind, name): name for name in reversed(now)}
        guesses = (lambda name: by_original.get(before[name]),
                   lambda name: by_original.get(name),
                   lambda name: self.new(kind, name),
                   lambda name: name)
        found: dict[str, str] = {}
        free = set(now)
        for guess in guesses:
            for name in before:
                candidate = guess(name)
                if name not in found and candidate in free:
                    found[name] = candidate
                    free.discard(candidate)
        return found


def _plain(kind: str, name: str) -> str:
    name = name.strip()
    return name.removeprefix('configs/').removesuffix('.py') if kind.strip() == 'config' else name


def _replace(kind: str, name: str, old: str, new: str) -> str:
    if kind == 'config':
        return _replace_config(name, old, new)
    if kind != 'parameter':
        return new if name == old else name
    start = r'(^|\.)' if old.startswith('*.') else r'(^)'
    part = re.escape(old.removeprefix('*.').rstrip('.')).replace(r'\*', r'([^.]+)')
    return re.sub(rf'{start}{part}(?=\.|$)', lambda found: found[1] + _filled(
        new.removeprefix('*.').rstrip('.'), found.groups()[1:]), name)


def _filled(new: str, parts: tuple[str, ...]) -> str:
    """A new name whose stars stand for the parts that the old one's stood for."""
    for part in parts:
        new = new.replace('*', part, 1)
    return new


def _replace_config(name: str, old: str, new: str) -> str:
    folder, _, bare = name.rpartition('/')
    if name == old:
        return new
    if '/' not in old and bare == old:
        return new if '/' in new or not folder else f'{folder}/{new}'
    return name
