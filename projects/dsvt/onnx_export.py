"""DSVT as an ONNX file of standard operators, compared with PyTorch in ONNX Runtime."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import torch
from mmengine.logging import MMLogger
from torch import Tensor, nn

from dsvt.deployable import DeployableDSVT
from sparse3d.atomic_files import write_bytes_atomically
from sparse3d.deploy.onnx_files import OnnxComparison, refuse_device, require_packages, to_onnx
from sparse3d.engine.build_model import build_model
from sparse3d.engine.checkpoint_config import open_with_config
from sparse3d.errors import DataError
from sparse3d.simulate.sweep import drawn_sweep


@dataclass(frozen=True)
class ExportReport:
    """What was exported and how well it agrees.

    Attributes:
        path: the file.
        operators: kinds of operators in it, all of ONNX's own domain.
        differences: largest difference from PyTorch for each compared cloud, by its voxels.
        inputs: shapes of the inputs for the first cloud, None where a length may change.
        example: shapes of the inputs for the first cloud.
    """

    path: Path
    operators: tuple[str, ...]
    differences: Mapping[int, float]
    inputs: Mapping[str, tuple[int | None, ...]]
    example: Mapping[str, tuple[int, ...]]

    def sentences(self) -> list[str]:
        """What to tell the user beside the file's name."""
        return [f'operators: {", ".join(self.operators)}',
                *(f'{voxels:,} voxels: ONNX Runtime and PyTorch differ by {difference:.1e} at most'
                  for voxels, difference in self.differences.items()),
                f'for TensorRT:\n  trtexec --onnx={self.path} --fp16 {self.trtexec_shapes()}']

    def trtexec_shapes(self, min_voxels: float = 0.15, max_voxels: float = 1.75) -> str:
        """Bounds for TensorRT: shapes from ``min_voxels`` to ``max_voxels`` times those of the
        cloud."""
        options = []
        for name, factor in (('min', min_voxels), ('opt', 1.0), ('max', max_voxels)):
            shapes = ','.join(f'{key}:{_scaled(self.inputs[key], shape, factor)}'
                              for key, shape in self.example.items())
            options.append(f'--{name}Shapes={shapes}')
        return ' '.join(options)


def export_onnx(config: str | PathLike, checkpoint: str | PathLike | None, out: str | PathLike,
                clouds: Sequence[str | PathLike] = (), cfg_options: dict | None = None,
                tolerance: float = 1e-3) -> ExportReport:
    """Export the deployable part of a detector and compare it with PyTorch.

    Args:
        config: of a detector with DSVT.
        checkpoint: its weights; None exports the initial ones.
        out: the file to write; nothing is written where the comparison fails.
        clouds: float32 files with the columns of the model's points; the first is traced,
            all are compared. Without, two drawn sweeps of different sizes.
        cfg_options: dotted keys that override the config.
        tolerance: largest difference allowed, relative to the largest output.

    Raises:
        BackendUnavailable: if onnx, onnxruntime or onnxscript is not installed.
        ConfigError: if the detector has no DSVTEncoder.
        DataError: if ONNX Runtime gives something else than PyTorch.
    """
    require_packages()
    config, opened = open_with_config(config, checkpoint, cfg_options)
    MMLogger.get_current_instance().setLevel('WARNING')  # or it lists every initialized weight
    detector = build_model(config, opened)
    return export_detector(detector, _clouds(detector, clouds), out, tolerance)


def export_detector(detector: nn.Module, clouds: Sequence[Tensor], out: str | PathLike,
                    tolerance: float = 1e-3) -> ExportReport:
    """The same for a detector in evaluation mode and clouds [N, C]; see ``export_onnx``."""
    refuse_device(detector)
    model = DeployableDSVT(detector)
    batches = [engine_inputs(detector, model, [cloud]) for cloud in clouds]
    free = torch.export.Dim.DYNAMIC
    content, operators = to_onnx(model, batches[0], {
        name: {_changing_axis(name): free} for name in batches[0]})
    comparison = OnnxComparison(content, model, tolerance)
    voxels = [len(inputs['features']) for inputs in batches]
    differences = {number: comparison.difference(inputs, f'{number:,} voxels')
                   for number, inputs in zip(voxels, batches, strict=True)}
    write_bytes_atomically(out, content)
    example = {name: tuple(value.shape) for name, value in batches[0].items()}
    changing = {name: tuple(None if axis == _changing_axis(name) else size
                            for axis, size in enumerate(shape)) for name, shape in example.items()}
    return ExportReport(Path(out), operators, differences, changing, example)


@torch.no_grad()
def engine_inputs(detector: nn.Module, model: DeployableDSVT,
                  clouds: list[Tensor]) -> dict[str, Tensor]:
    """From the clouds of a batch to the inputs of the engine: what stays in Python."""
    batch = detector.data_preprocessor({'inputs': {'points': clouds}, 'data_samples': None}, False)
    voxels = batch['inputs']['voxels']
    return dict(model.inputs_of(*detector.voxel_encoder(voxels['voxels'], voxels['coors'])))


def _changing_axis(name: str) -> int:
    """Axis of an input whose length follows the cloud."""
    return 1 if name.startswith(('voxels_', 'repeated_', 'slot_of_voxel_')) else 0


def _scaled(changing: tuple[int | None, ...], shape: tuple[int, ...], factor: float) -> str:
    return 'x'.join(str(max(1, round(size * factor)) if free is None else size)
                    for free, size in zip(changing, shape, strict=True))


def _clouds(detector: nn.Module, files: Sequence[str | PathLike]) -> list[Tensor]:
    encoder = detector.voxel_encoder
    columns = encoder.pfn_layers[0].linear.in_features - 6
    if files:
        return [_read(Path(path), columns) for path in files]
    sweep = drawn_sweep()[:, :4]
    sweep[:, 3] = (sweep[:, 3] / 255).tanh()
    padded = torch.nn.functional.pad(sweep, (0, max(0, columns - 4)))[:, :columns]
    return [padded, padded[::3].contiguous()]


def _read(path: Path, columns: int) -> Tensor:
    try:
        values = np.fromfile(path, '<f4')
    except OSError as error:
        raise DataError(f'point cloud {path} cannot be read: {error.strerror}') from error
    if values.size % columns:
        raise DataError(f'{path} holds {values.size} numbers, which are no rows of {columns}')
    return torch.from_numpy(values.reshape(-1, columns))
