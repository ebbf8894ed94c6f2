"""What a preparation wrote and what it had to leave out, as a readable report."""
from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


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

    def __str__(self) -> str:
        frames = ', '.join(f'{split} {count}' for split, count in self.frames.items())
        objects = ', '.join(f'{name} {count}' for name, count in self.objects.items())
        lines = [*(f'wrote {path}' for path in self.files),
                 *(f'left out: {message}' for message in self.damaged), *self.notes,
                 f'prepared {self.out}; frames: {frames}; '
                 f'objects in the database: {objects or "none"}']
        return '\n'.join(lines)
