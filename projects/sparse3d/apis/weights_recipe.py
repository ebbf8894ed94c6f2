"""What decides the weights that come with Sparse3D; light, for the command line."""
from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from sparse3d.atomic_files import write_bytes_atomically
from sparse3d.datasets.custom.simulate.options import AnywhereOptions
from sparse3d.errors import ConfigError, DataError

CONFIG = 'centerpoint_simulated_anywhere'
NOTE = 'recipe.json'  # in the working folder: what its checkpoints are made with


@dataclass(frozen=True)
class Recipe:
    """What decides the weights.

    Attributes:
        frames: simulated sweeps, those of validation included.
        epochs: of the training.
        seed: of the simulation and of the training.
        val_fraction: share of the places, with sensors of their own, that the score threshold is
            chosen on.
        false_per_frame: false cars a frame at that threshold.
        without: ingredients of the simulation that are left out, each once.
        batch_size: sweeps of a step; fewer make more steps of few sweeps.
        load_from: checkpoint that the training begins with; by default it begins from nothing.

    Raises:
        DataError: for an unknown ingredient, no epoch, no sweep in a step, or so few sweeps that
            none trains or none validates.
    """

    frames: int = 1100
    epochs: int = 4
    seed: int = 28
    val_fraction: float = .1
    false_per_frame: float = 1.0
    without: Sequence[str] = ()
    batch_size: int = 4
    load_from: str = ''

    def __post_init__(self) -> None:
        object.__setattr__(self, 'without', tuple(dict.fromkeys(self.without)))
        for name in ('epochs', 'batch_size'):
            if getattr(self, name) < 1:
                raise DataError(f'{name} is {getattr(self, name)}; 1 is the least')
        if not 0 < self.val_fraction < 1:
            raise DataError(f'val_fraction is {self.val_fraction}; it must lie between 0 and 1')
        places, first = self.options.split(self.frames, self.val_fraction)
        if not 0 < first < places:
            few = 'trains' if first < places else 'chooses the score threshold'
            raise DataError(f'of {self.frames} sweeps, {self.options.sweeps_per_place} of each '
                            f'place, none {few} with {self.val_fraction:g} of the places kept for '
                            f'that; make more')

    @property
    def options(self) -> AnywhereOptions:
        """Of the simulation."""
        return AnywhereOptions(without=tuple(self.without))

    def command(self) -> str:
        """What makes the same weights again."""
        batch = f' --batch-size {self.batch_size}' if self.batch_size != Recipe.batch_size else ''
        left_out = f' --without {" ".join(self.without)}' if self.without else ''
        begun = f' --load-from {shlex.quote(self.load_from)}' if self.load_from else ''
        chosen = ''.join(
            f' --{name.replace("_", "-")} {getattr(self, name):g}'
            for name in ('val_fraction', 'false_per_frame')
            if getattr(self, name) != getattr(Recipe, name))
        return (f'python tools/make_weights.py --frames {self.frames} --epochs {self.epochs} '
                f'--seed {self.seed}{batch}{begun}{chosen}{left_out}')


def note_recipe(work_dir: Path, recipe: Recipe) -> None:
    """Note in a working folder what its checkpoints are made with.

    Raises:
        ConfigError: if they are made with another recipe; the number of false boxes decides
            nothing in them.
        DataError: if the note cannot be read or written.
    """
    wanted = json.loads(json.dumps(asdict(recipe)))  # tuples become lists, as in the file
    del wanted['false_per_frame']
    path = work_dir / NOTE
    if not path.is_file():
        write_bytes_atomically(path, json.dumps(wanted, indent=2).encode())
        return
    try:
        noted = asdict(Recipe()) | dict(json.loads(path.read_text()))  # older notes have fewer
    except (OSError, TypeError, ValueError) as error:
        raise DataError(f'{path} cannot be read ({error}); name another working folder') from error
    other = next((key for key in wanted if noted.get(key) != wanted[key]), None)
    if other is not None:
        raise ConfigError(f'{work_dir} was begun with another recipe ({other} is '
                          f'{noted.get(other)}, not {wanted[other]}); repeat its options, or name '
                          f'another working folder')
