"""Sparse4D's decoder and its recurrence as two ONNX files, compared over a drive of ten frames."""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.logging import MMLogger

from sparse3d.atomic_files import write_bytes_atomically
from sparse3d.deploy.onnx_files import OnnxComparison, refuse_device, require_packages, to_onnx
from sparse3d.engine.build_model import build_model
from sparse3d.engine.checkpoint_config import open_with_config
from sparse3d.errors import ConfigError
from sparse4d.deployable import DeployableSparse4D
from sparse4d.detector import Sparse4D
from sparse4d.frame import Frame
from sparse4d.head import Sparse4DHead

FRAMES, CAMERAS, INTERVAL = 10, 6, 0.5  # of the drive that is compared; [s]


@dataclass(frozen=True)
class ExportReport:
    """What was exported and how well it agrees.

    Attributes:
        path: of the graph of next frames.
        first: of the graph of the first frame.
        operators: kinds of operators in both, all of ONNX's own domain.
        differences: largest difference from PyTorch in each frame.
        shapes: of the inputs of a next frame, all fixed.
    """

    path: Path
    first: Path
    operators: tuple[str, ...]
    differences: Mapping[str, float]
    shapes: Mapping[str, tuple[int, ...]]

    def sentences(self) -> list[str]:
        """What to tell the user beside the file's name."""
        return [f'the graph of the first frame of a drive: {self.first}',
                f'operators: {", ".join(self.operators)}',
                'inputs: ' + ', '.join(f'{name} {"x".join(map(str, shape))}'
                                       for name, shape in self.shapes.items()),
                f'over {len(self.differences)} frames ONNX Runtime and PyTorch differ by '
                f'{max(self.differences.values()):.1e} at most']


def export_onnx(config: str | PathLike | Config, checkpoint: str | PathLike | None,
                out: str | PathLike, clouds: Sequence[str | PathLike] = (),
                cfg_options: dict | None = None, tolerance: float = 1e-3) -> ExportReport:
    """Export the decoder of a detector and compare it with PyTorch over a drawn drive.

    Args:
        config: of a Sparse4D of v2 or v3.
        checkpoint: its weights; None exports the initial ones.
        out: the file of next frames; beside it goes that of the first, ``<name>_first.onnx``.
            Nothing is written where the comparison fails.
        clouds: none; the detector has cameras alone.
        cfg_options: dotted keys that override the config.
        tolerance: largest difference allowed, relative to the largest output.

    Raises:
        BackendUnavailable: if onnx, onnxruntime or onnxscript is not installed.
        ConfigError: if the detector is another one, or there are point clouds.
        DataError: if ONNX Runtime gives something else than PyTorch.
    """
    require_packages()
    if clouds:
        raise ConfigError('Sparse4D has cameras alone: leave the point clouds out')
    config, opened = open_with_config(config, checkpoint, cfg_options)
    if checkpoint is None:  # the decoder does not need the backbone's pretrained file
        config.model.backbone.pop('init_cfg', None)
    MMLogger.get_current_instance().setLevel('WARNING')  # or it lists every initialized weight
    return export_detector(build_model(config, opened), image_size_of(config), out, tolerance)


def export_detector(detector: Sparse4D, image_size: tuple[int, int], out: str | PathLike,
                    tolerance: float = 1e-3) -> ExportReport:
    """The same for a detector in evaluation mode and its images' height and width."""
    if not isinstance(detector, Sparse4D):
        raise ConfigError(f'only a Sparse4D is exported here, not a {type(detector).__name__}')
    head = detector.bbox_head
    if not isinstance(head, Sparse4DHead) or not head.bank.options.num_temporal:
        raise ConfigError(f'a {type(head).__name__} that carries no instances over is not exported '
                          f'(v1, single frames); v2 and v3 are')
    refuse_device(detector)
    divisor = detector.data_preprocessor.size_divisor
    image_size = tuple(-(-length // divisor) * divisor for length in image_size)
    models = [DeployableSparse4D(head, image_size, first) for first in (True, False)]
    given = list(drawn_frames(detector, models, image_size))
    contents, operators = zip(*(to_onnx(model, inputs) for model, inputs in zip(
        models, given, strict=False)), strict=True)
    compared = [OnnxComparison(content, model, tolerance)
                for content, model in zip(contents, models, strict=True)]
    differences = {f'frame {number}': compared[min(number, 1)].difference(inputs, f'frame {number}')
                   for number, inputs in enumerate(given)}
    path = Path(out)
    first = path.with_name(f'{path.stem}_first{path.suffix}')
    for place, content in zip((first, path), contents, strict=True):
        write_bytes_atomically(place, content)
    return ExportReport(path, first, tuple(sorted(set().union(*operators))), differences,
                        {name: tuple(value.shape) for name, value in given[1].items()})


def image_size_of(config: Config) -> tuple[int, int]:
    """Height and width of the images that the test pipeline gives.

    Raises:
        ConfigError: if the pipeline does not fix it.
    """
    for transform in config.test_dataloader.dataset.pipeline:
        if transform['type'] == 'AugmentImages':
            return tuple(transform['size'])
    raise ConfigError('the test pipeline has no AugmentImages, which says how large images are')


@torch.no_grad()
def drawn_frames(detector: Sparse4D, models: Sequence[DeployableSparse4D],
                 image_size: tuple[int, int]) -> Iterator[dict[str, torch.Tensor]]:
    """Inputs of the frames of a drive: random maps of the sizes that the backbone gives, six
    cameras all around, one of them lost for a while, what PyTorch remembers of the frame before."""
    shapes = [level.shape[2:] for level in detector.extract_feat(
        dict(imgs=torch.zeros(1, 1, 3, *image_size)))]
    random, state = torch.Generator().manual_seed(0), None
    for number in range(FRAMES):
        maps = [torch.randn(1, CAMERAS, *shape, generator=random) for shape in shapes]
        frame = _frame(number, image_size)
        yield models[min(number, 1)].inputs_of(maps, frame, state)
        _, state = detector.bbox_head(maps, frame, state)


def _frame(number: int, image_size: tuple[int, int]) -> Frame:
    """A frame of a drive along a bend, 5 m from frame to frame."""
    turn, pose = 0.1 * number, np.eye(4)
    pose[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    pose[:2, 3] = 1000 + 5.0 * number, 2000 + 0.3 * number ** 2
    valid = np.ones(CAMERAS, bool)
    valid[1] = number not in (3, 4)
    return Frame.of_batch([dict(
        lidar2img=ring_of_cameras(image_size), image_valid=valid, lidar2global=pose,
        timestamp=1e9 + INTERVAL * number)], image_size)


def ring_of_cameras(image_size: tuple[int, int]) -> np.ndarray:
    """``lidar2img`` (6, 4, 4) of cameras 60 degrees apart, 70 degrees wide."""
    height, width = image_size
    cam2img = np.diag([width / 2 / np.tan(np.radians(35))] * 2 + [1, 1])
    cam2img[:2, 2] = width / 2, height / 2
    angles = np.arange(CAMERAS) * np.pi / 3
    return np.stack([cam2img @ np.array(
        [[sin, -cos, 0, 0], [0, 0, -1, 0], [cos, sin, 0, 0], [0, 0, 0, 1]])
        for cos, sin in zip(np.cos(angles), np.sin(angles), strict=True)])
