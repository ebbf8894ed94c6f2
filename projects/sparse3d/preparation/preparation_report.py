"""What a preparation wrote and what it had to leave out, as a readable report."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class PreparationReport:
    """What a preparation wrote and what it had to leave out.

    Attributes:
        out: the prepared data set.
        frames: how many, by split.
        objects: how many in the ground-truth database, by class.
        damaged: a sentence on each thing that was left out.
        files: info files and indices.
        notes: further sentences.
    """
    out: Path
    frames: dict[str, int] = field(default_factory=dict)
    objects: dict[str, int] = field(default_factory=dict)
    damaged: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add_split(self, split: str, entries: Sequence[Mapping[str, Any]]) -> None:
        """Count the frames of a split, and note what nobody can learn from.

        Args:
            split: its name; one that begins with ``test`` needs no labels.
            entries: of its info file.
        """
        self.frames[split] = len(entries)
        if not entries:
            self.notes.append(f'{split} has no frame: nothing can be learned or tested on it')
        elif not split.startswith('test') and not labeled_objects(entries):
            self.notes.append(f'{split} has no labeled object in {len(entries)} frames: nothing '
                              f'can be learned or tested on it')

    def __str__(self) -> str:
        frames = ', '.join(f'{split} {count}' for split, count in self.frames.items())
        objects = ', '.join(f'{name} {count}' for name, count in self.objects.items())
        lines = [*(f'wrote {path}' for path in self.files),
                 *(f'left out: {message}' for message in self.damaged), *self.notes,
                 f'prepared {self.out}; frames: {frames}; '
                 f'objects in the database: {objects or "none"}']
        return '\n'.join(lines)


def labeled_objects(entries: Sequence[Mapping[str, Any]]) -> int:
    """Objects of an info file's entries that are of a class: regions without labels are none."""
    return sum(item['bbox_label_3d'] >= 0 for entry in entries
               for item in entry.get('instances', ()))
