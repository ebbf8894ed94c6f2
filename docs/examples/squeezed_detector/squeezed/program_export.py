"""The squeeze as a program of ``torch.export``, compared with the module."""
from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import torch

from sparse3d.apis import build_model
from sparse3d.atomic_files import write_bytes_atomically
from sparse3d.engine.checkpoint_config import open_with_config
from sparse3d.errors import DataError

TOLERANCE = 1e-5


@dataclass(frozen=True)
class ProgramReport:
    """The file, and how far it is from PyTorch."""

    path: Path
    difference: float

    def sentences(self) -> list[str]:
        """What to tell the user beside the file's name."""
        return [f'program and PyTorch differ by {self.difference:.1e} at most']


@torch.no_grad()
def export_program(config: str | PathLike, checkpoint: str | PathLike | None, out: str | PathLike,
                   clouds: Sequence[str | PathLike] = (),
                   cfg_options: dict | None = None) -> ProgramReport:
    """Write the squeeze of a detector; points play no part in it.

    Raises:
        ConfigError, CheckpointError: as for any model.
        DataError: if the program gives something else than PyTorch; nothing is written then.
    """
    config, opened = open_with_config(config, checkpoint, cfg_options)
    squeeze = build_model(config, opened).squeeze
    bev = torch.rand(1, squeeze.excite[0].in_features, 100, 128)
    content = io.BytesIO()
    torch.export.save(torch.export.export(squeeze, (bev,)), content)
    content.seek(0)
    found = torch.export.load(content).module()(bev)
    difference = float((found - squeeze(bev)).abs().max())
    if difference > TOLERANCE:
        raise DataError(f'the exported program differs by {difference:.1e}, more than '
                        f'{TOLERANCE:.0e}; report it with the version of torch')
    write_bytes_atomically(out, content.getvalue())
    return ProgramReport(Path(out), difference)
