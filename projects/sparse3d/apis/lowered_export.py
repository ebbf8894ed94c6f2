"""Export in float16 or 8-bit integers, calibrated on frames of the data that the config names."""
from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from torch import Tensor, nn

from sparse3d.apis.sample_frames import build_unmoved_dataset
from sparse3d.deploy.export import export
from sparse3d.deploy.graph_host import MANIFEST, Run, opened_graphs, use_graphs
from sparse3d.engine.build_model import build_model
from sparse3d.engine.checkpoint_config import open_with_config
from sparse3d.engine.hooks.feature_reuse import reusing_features
from sparse3d.errors import ConfigError

if TYPE_CHECKING:
    from sparse3d.deploy.export_folder import FolderReport

STATIC = 'int8_static'
TOGETHER = 4  # frames that follow each other, so that a memory has something to remember
Inputs = Mapping[str, np.ndarray]


def export_lowered(config: str | PathLike | Config, checkpoint: str | PathLike | None,
                   out: str | PathLike, precision: str, frames: int = 32,
                   clouds: Sequence[str | PathLike] = (), cfg_options: dict | None = None,
                   exporter: str | None = None) -> FolderReport:
    """Export a detector and make its graphs coarser; see
    :func:`sparse3d.deploy.lowered_folder.lower_folder`.

    Args:
        config, checkpoint, out, clouds, cfg_options, exporter: see
            :func:`sparse3d.deploy.export.export`.
        precision: see :func:`sparse3d.deploy.precision.lowered`.
        frames: of the training set, as recorded, that ``'int8_static'`` is calibrated on.

    Raises:
        ConfigError: as :func:`sparse3d.deploy.export.export`, or if nothing can be made coarser.
        DataError: if there are no frames to calibrate on.
    """
    if precision == STATIC and frames < 1:
        raise ConfigError(f'there are {frames} frames to calibrate on; take 1 at least')
    if precision == STATIC and checkpoint is None:
        raise ConfigError(f'{STATIC} is calibrated on real frames with trained weights; name a '
                          f'checkpoint')
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / 'float32'
        report = export(config, checkpoint, whole, clouds, cfg_options, exporter)
        if not (report.path / MANIFEST).is_file():
            raise ConfigError(f'the exporter wrote no folder of ONNX graphs, and {precision} is '
                              f'made of these; leave --precision out')
        from sparse3d.deploy.lowered_folder import lower_folder
        seen, about = {}, {}
        if precision == STATIC:
            assert checkpoint is not None
            seen = calibration_inputs(config, checkpoint, whole, frames, cfg_options, exporter)
            about = dict(calibration=dict(split='train', frames=frames))
        return lower_folder(whole, out, precision, seen, about)


@torch.no_grad()
def calibration_inputs(config: str | PathLike | Config, checkpoint: str | PathLike,
                       folder: str | PathLike, frames: int, cfg_options: dict | None = None,
                       exporter: str | None = None) -> dict[str, list[Inputs]]:
    """Inputs of every graph while the detector predicts frames of its training set with them.

    Args:
        folder: the export.
        frames: so many, in groups that follow each other, spread over the data set.

    Returns:
        By the name of the graph, one for each time that it ran.
    """
    config, opened = open_with_config(config, checkpoint, cfg_options)
    detector = build_model(config, opened)
    seen: dict[str, list[Inputs]] = {}
    use_graphs(detector, config, {name: _remembering(run, seen.setdefault(name, []))
                                  for name, run in opened_graphs(folder, detector).items()},
               exporter)
    dataset = build_unmoved_dataset(config, 'train')
    _predict(detector, dataset, groups_of_frames(frames, len(dataset)))
    return seen


def groups_of_frames(count: int, available: int) -> list[int]:
    """Numbers of frames in groups of ``TOGETHER``, the groups spread evenly."""
    groups = max(1, min(count, available) // TOGETHER)
    starts = np.linspace(0, max(0, available - TOGETHER), groups).round().astype(int)
    chosen = (starts[:, None] + np.arange(TOGETHER)).ravel()
    return sorted({int(number) for number in chosen if number < available})


def _predict(detector: nn.Module, dataset: Sequence, numbers: Sequence[int]) -> None:
    with reusing_features(detector):
        for number in numbers:
            detector.test_step(  # type: ignore[operator]
                pseudo_collate([dataset[number]]))


def _remembering(run: Run, seen: list[Inputs]) -> Run:
    def remembering(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        seen.append({name: value.detach().cpu().contiguous().numpy().copy()
                     for name, value in inputs.items()})
        return run(inputs)
    return remembering
