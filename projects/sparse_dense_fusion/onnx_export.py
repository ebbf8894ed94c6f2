"""Both branches and the head as an ONNX file of standard operators, compared in ONNX Runtime."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from torch import Tensor

from sparse3d.atomic_files import write_bytes_atomically
from sparse3d.deploy.onnx_files import OnnxComparison, refuse_device, require_packages, to_onnx
from sparse3d.engine.build_model import build_model
from sparse3d.engine.checkpoint_config import open_with_config
from sparse3d.errors import ConfigError
from sparse3d.structures.camera_rig import CameraRig
from sparse_dense_fusion.deployable import DeployableFusion
from sparse_dense_fusion.detector import SparseDenseFusion

CASES = ('all cameras', 'one camera missing')
CAMERAS = 6
SIZED_BY = ('AugmentImages', 'FitViews')  # transforms that say how large images are


@dataclass(frozen=True)
class ExportReport:
    """What was exported and how well it agrees.

    Attributes:
        path: the file.
        operators: kinds of operators in it, all of ONNX's own domain.
        differences: largest difference from PyTorch in each of the compared cases.
        shapes: of the inputs, all fixed.
    """

    path: Path
    operators: tuple[str, ...]
    differences: Mapping[str, float]
    shapes: Mapping[str, tuple[int, ...]]

    def sentences(self) -> list[str]:
        """What to tell the user beside the file's name."""
        return [f'operators: {", ".join(self.operators)}',
                'inputs: ' + ', '.join(f'{name} {"x".join(map(str, shape))}'
                                       for name, shape in self.shapes.items()),
                *(f'{case}: ONNX Runtime and PyTorch differ by {difference:.1e} at most'
                  for case, difference in self.differences.items())]


def export_onnx(config: str | PathLike | Config, checkpoint: str | PathLike | None,
                out: str | PathLike, clouds: Sequence[str | PathLike] = (),
                cfg_options: dict | None = None, tolerance: float = 1e-3) -> ExportReport:
    """Export branches and head of a detector and compare them with PyTorch on drawn maps.

    Args:
        config: of a SparseDenseFusion.
        checkpoint: its weights; None exports the initial ones.
        out: the file to write; nothing is written where the comparison fails.
        clouds: none; points end before the exported part.
        cfg_options: dotted keys that override the config.
        tolerance: largest difference allowed, relative to the largest output.

    Raises:
        BackendUnavailable: if onnx, onnxruntime or onnxscript is not installed.
        ConfigError: if the detector is another one, or there are point clouds.
        DataError: if ONNX Runtime gives something else than PyTorch.
    """
    require_packages()
    if clouds:
        raise ConfigError('the exported part of SparseDenseFusion begins behind the points: leave '
                          'the point clouds out')
    config, opened = open_with_config(config, checkpoint, cfg_options)
    MMLogger.get_current_instance().setLevel('WARNING')  # or it lists every initialized weight
    return export_detector(build_model(config, opened), image_size_of(config), out, tolerance)


def export_detector(detector: SparseDenseFusion, image_size: tuple[int, int], out: str | PathLike,
                    tolerance: float = 1e-3) -> ExportReport:
    """The same for a detector in evaluation mode and its images' height and width."""
    if not isinstance(detector, SparseDenseFusion):
        raise ConfigError(f'only a SparseDenseFusion is exported here, not a '
                          f'{type(detector).__name__}')
    refuse_device(detector)
    image_size = padded_size(detector, image_size)
    model = DeployableFusion(detector, image_size)
    cases = drawn_cases(detector, model, image_size)
    first = next(iter(cases.values()))
    content, operators = to_onnx(model, first)
    comparison = OnnxComparison(content, model, tolerance)
    differences = {case: comparison.difference(inputs, case) for case, inputs in cases.items()}
    write_bytes_atomically(out, content)
    return ExportReport(Path(out), operators, differences,
                        {name: tuple(value.shape) for name, value in first.items()})


def image_size_of(config: Config) -> tuple[int, int]:
    """Height and width of the images that the test pipeline gives; those of a blank one for a
    pipeline without images."""
    for transform in config.test_dataloader.dataset.pipeline:
        if transform['type'] in SIZED_BY:
            return tuple(transform['size'])
    return (32, 32)


def padded_size(detector: SparseDenseFusion, image_size: tuple[int, int]) -> tuple[int, int]:
    """Height and width after the preprocessor's padding."""
    divisor = detector.data_preprocessor.pad_size_divisor
    return tuple(-(-length // divisor) * divisor for length in image_size)


@torch.no_grad()
def drawn_cases(detector: SparseDenseFusion, model: DeployableFusion,
                image_size: tuple[int, int]) -> dict[str, dict[str, Tensor]]:
    """Inputs to compare by the name of the case: random maps of the sizes that the backbones give,
    and points all round, under six cameras."""
    random = torch.Generator().manual_seed(0)
    width, height = detector.bbox_head.coder.map_size
    # Far apart, so that rounding does not choose other peaks.
    bev = 3 * torch.randn(1, detector.bbox_head.shared.in_channels, height, width,
                          generator=random)
    points = torch.randn(2000, 5, generator=random) * torch.tensor([20.0, 20, 1, 1, 0])
    images = []
    if detector.has_branch:
        levels = detector.image_neck(detector.image_backbone(torch.zeros(1, 3, *image_size)))
        images = [torch.randn(CAMERAS, *level.shape[1:], generator=random) for level in levels]
    cases = {}
    for case in CASES[:2 if detector.has_branch else 1]:
        valid = [case == CASES[0] or number != 1 for number in range(CAMERAS)]
        rig = CameraRig.from_metas(
            [dict(lidar2img=_ring(image_size), image_valid=valid)], image_size)
        cases[case] = model.inputs_of(bev, images, [points], rig)
    return cases


def _ring(image_size: tuple[int, int]) -> np.ndarray:
    """One camera every 60 degrees, a little above the LiDAR, [6, 4, 4]."""
    height, width = image_size
    forward = np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]])
    lens = np.array([[0.8 * width, 0, width / 2], [0, 0.8 * width, height / 2], [0, 0, 1]])
    matrices = np.tile(np.eye(4), (CAMERAS, 1, 1))
    for view, turn in enumerate(np.arange(CAMERAS) * 2 * np.pi / CAMERAS):
        about_z = np.array([[np.cos(turn), np.sin(turn), 0], [-np.sin(turn), np.cos(turn), 0],
                            [0, 0, 1]])
        matrices[view, :3, :3] = lens @ forward @ about_z
        matrices[view, :3, 3] = lens @ [0.0, 0.3, -0.4]
    return matrices
