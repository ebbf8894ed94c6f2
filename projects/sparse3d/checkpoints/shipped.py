"""Weights that come with Sparse3D: ``load_detector('anywhere')``.

A folder of the package for each name holds what ``sparse3d publish`` writes: ``model.safetensors``,
``config.py`` (assignments of literals, read as data), ``SHA256SUMS`` and a model card. The sums are
looked at each time.
"""
from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from sparse3d.checkpoints.hub import CONFIG, SUMS, WEIGHTS, HubFiles, read_sums, sum_of
from sparse3d.checkpoints.safetensors_files import read_with_meta
from sparse3d.errors import CheckpointError

NAMES = ('anywhere',)
FOLDER = Path(__file__).parent.parent / 'weights'
REMAKE = 'make weights'
THRESHOLD_KEY = 'score_threshold'  # in the note of weights that recommend one


def is_shipped(path: object) -> bool:
    """Whether something names weights that come with Sparse3D, and not a file."""
    return isinstance(path, str | PathLike) and str(path) in NAMES


def shipped_files(name: str, folder: Path = FOLDER) -> HubFiles:
    """Weights and config text of a name.

    Raises:
        CheckpointError: if they are not there, or are not what their sums say.
    """
    own = folder / name
    absent = [each for each in (WEIGHTS, CONFIG, SUMS) if not (own / each).is_file()]
    if absent:
        raise CheckpointError(f'the weights {name} do not come with this installation '
                              f'({own / absent[0]} is not there); install Sparse3D anew, or make '
                              f'them in a source tree with "{REMAKE}"')
    sums = read_sums((own / SUMS).read_text(), str(own))
    for each in (WEIGHTS, CONFIG):
        if sum_of(own / each) != sums[each]:
            raise CheckpointError(f'{own / each} is not what {SUMS} beside it says: it was damaged '
                                  f'or exchanged; install Sparse3D anew')
    return HubFiles(own / WEIGHTS, (own / CONFIG).read_text())


def recommended_threshold(name: str, otherwise: float) -> float:
    """The score from which on detections of these weights count, as their note says.

    Raises:
        CheckpointError: as :func:`shipped_files`.
    """
    found = threshold_in(read_with_meta(shipped_files(name).weights)[1])
    return otherwise if found is None else found


def threshold_in(note: Mapping[str, Any]) -> float | None:
    """The score that the note of weights recommends, or None."""
    found = note.get(THRESHOLD_KEY)
    return float(found) if isinstance(found, int | float) else None
