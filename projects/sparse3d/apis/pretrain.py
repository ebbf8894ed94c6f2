"""Masked pre-training of a detector's encoder on drives without labels."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import is_main_process

import sparse3d.register  # noqa: F401  (repairs the stack, registers)
from sparse3d.apis.train import TrainingResult, train
from sparse3d.checkpoints.open import open_checkpoint
from sparse3d.engine.dry_run import DryRun
from sparse3d.engine.load_config import load_config
from sparse3d.engine.pretraining_config import PretrainingOptions, pretraining_config
from sparse3d.errors import ConfigError
from sparse3d.pretraining.encoder_files import encoder_weights, write_encoder

ENCODER = 'encoder.pth'


@dataclass(frozen=True)
class PretrainingResult:
    """What a pre-training leaves behind.

    Attributes:
        encoder: the file for ``pretrained_encoder``.
        tensors: how many it holds.
        training: of the training itself.
        left_out: steps of the pipeline that need labels or another sensor.
    """

    encoder: Path
    tensors: int
    training: TrainingResult
    left_out: tuple[str, ...]


def pretrain(config: str | PathLike | Config, work_dir: str | PathLike | None = None,
             options: PretrainingOptions | None = None,
             data_options: Mapping[str, Any] | None = None,
             **training: Any) -> PretrainingResult | DryRun:
    """Learn the encoder of a detector by masking, and write it to ``encoder.pth``.

    Args:
        config: of the detector: its encoder and its training data; labels are not read.
        work_dir: folder; default ``work_dirs/<config name>_pretraining``.
        options: see :class:`~sparse3d.engine.pretraining_config.PretrainingOptions`.
        data_options: dotted keys and values that override the detector's config first.
        training: further arguments of :func:`sparse3d.apis.train.train`; ``cfg_options`` override
            the config of the pre-training.

    Raises:
        ConfigError, CheckpointError, DataError: as for a training.
    """
    loaded = load_config(config, dict(data_options or {}))
    name = Path(loaded.filename).stem if loaded.filename else 'unnamed'
    options = options or PretrainingOptions()
    made = pretraining_config(loaded, options)
    work_dir = Path(work_dir or Path('work_dirs') / f'{name}_pretraining')
    result = train(made, work_dir, **training)
    if isinstance(result, DryRun):
        return result
    if not is_main_process():
        return PretrainingResult(work_dir / ENCODER, 0, result, tuple(made.left_out))
    if result.checkpoint is None:
        raise ConfigError('the pre-training saved no checkpoint, so there is no encoder: leave '
                          'default_hooks.checkpoint as it is')
    about = dict(method=made.model.type, config=name, epochs=result.epochs)
    count = write_encoder_of(result.checkpoint, work_dir / ENCODER, about)
    return PretrainingResult(work_dir / ENCODER, count, result, tuple(made.left_out))


def write_encoder_of(checkpoint: str | PathLike, path: str | PathLike,
                     about: Mapping[str, Any]) -> int:
    """Write the encoder of a pre-training's checkpoint alone; gives the number of tensors."""
    kept = encoder_weights(open_checkpoint(checkpoint).weights)
    write_encoder(kept, path, about)
    return len(kept)
