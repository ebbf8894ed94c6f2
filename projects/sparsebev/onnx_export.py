"""SparseBEV's decoder as an ONNX file of standard operators, compared in ONNX Runtime."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.logging import MMLogger

from sparse3d.atomic_files import write_bytes_atomically
from sparse3d.deploy.onnx_files import OnnxComparison, refuse_device, require_packages, to_onnx
from sparse3d.engine.build_model import build_model
from sparse3d.engine.checkpoint_config import open_with_config
from sparse3d.errors import ConfigError
from sparsebev.deployable import DeployableSparseBEV
from sparsebev.detector import SparseBEV
from sparsebev.ring_of_cameras import ring_of_cameras

CASES = ('all cameras', 'one camera missing')


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
    """Export the decoder of a detector and compare it with PyTorch on drawn feature maps.

    Args:
        config: of a SparseBEV.
        checkpoint: its weights; None exports the initial ones.
        out: the file to write; nothing is written where the comparison fails.
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
        raise ConfigError('SparseBEV has cameras alone: leave the point clouds out')
    config, opened = open_with_config(config, checkpoint, cfg_options)
    if checkpoint is None:  # the decoder does not need the backbone's pretrained file
        config.model.backbone.pop('init_cfg', None)
    MMLogger.get_current_instance().setLevel('WARNING')  # or it lists every initialized weight
    detector = build_model(config, opened)
    return export_detector(detector, image_size_of(config), out, tolerance)


def export_detector(detector: SparseBEV, image_size: tuple[int, int], out: str | PathLike,
                    tolerance: float = 1e-3) -> ExportReport:
    """The same for a detector in evaluation mode and its images' height and width."""
    if not isinstance(detector, SparseBEV):
        raise ConfigError(f'only a SparseBEV is exported here, not a {type(detector).__name__}')
    refuse_device(detector)
    image_size = padded_size(detector, image_size)
    model = DeployableSparseBEV(detector.bbox_head, image_size)
    cases = drawn_cases(detector, model, image_size)
    first = next(iter(cases.values()))
    content, operators = to_onnx(model, first)
    comparison = OnnxComparison(content, model, tolerance)
    differences = {case: comparison.difference(inputs, case) for case, inputs in cases.items()}
    write_bytes_atomically(out, content)
    return ExportReport(Path(out), operators, differences,
                        {name: tuple(value.shape) for name, value in first.items()})


def image_size_of(config: Config) -> tuple[int, int]:
    """Height and width of the images that the test pipeline gives.

    Raises:
        ConfigError: if the pipeline does not fix it.
    """
    for transform in config.test_dataloader.dataset.pipeline:
        if transform['type'] == 'AugmentImages':
            return tuple(transform['size'])
    raise ConfigError('the test pipeline has no AugmentImages, which says how large images are')


def padded_size(detector: SparseBEV, image_size: tuple[int, int]) -> tuple[int, int]:
    """Height and width after the preprocessor's padding."""
    divisor = detector.data_preprocessor.size_divisor
    return tuple(-(-length // divisor) * divisor for length in image_size)


@torch.no_grad()
def drawn_cases(detector: SparseBEV, model: DeployableSparseBEV,
                image_size: tuple[int, int]) -> dict[str, dict[str, torch.Tensor]]:
    """Inputs to compare by the name of the case: random maps of the sizes that the backbone gives,
    under six cameras all around."""
    views = ring_of_cameras(detector.num_frames, image_size)
    images = views.lidar2img.shape[1] * views.lidar2img.shape[2]
    shapes = [level.shape[1:] for level in detector.maps_of_images(torch.zeros(1, 3, *image_size))]
    random = torch.Generator().manual_seed(0)
    cases = {}
    for case in CASES:
        maps = [torch.randn(1, images, *shape, generator=random) for shape in shapes]
        valid = torch.ones(views.lidar2img.shape[:3], dtype=torch.bool)
        valid[:, 0, 1] = case == CASES[0]
        cases[case] = model.inputs_of(maps, views._replace(
            cameras=views.cameras.with_valid(valid.flatten(1))))
    return cases
