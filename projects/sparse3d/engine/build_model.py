"""A detector from its config, with the weights of a checkpoint."""
from __future__ import annotations

from os import PathLike

import torch
from mmdet3d.registry import MODELS
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.registry import init_default_scope

from sparse3d.checkpoints.first_weights import without_absent_files
from sparse3d.checkpoints.open import Checkpoint, load_weights, open_checkpoint
from sparse3d.engine.agreement.check import check_checkpoint, check_config
from sparse3d.engine.registry_errors import clear_registry_errors
from sparse3d.errors import BackendUnavailable, ConfigError


def build_model(
        config: Config,
        checkpoint: str | PathLike | Checkpoint | None = None,
        device: str | torch.device = 'cpu',
        allow_partial: bool = False,
        split: str | None = None,
) -> BaseModel:
    """Build the model of a config, ready to predict.

    The data that the config describes beside the model are compared with it first.

    Args:
        config: from :func:`sparse3d.engine.load_config.load_config`.
        checkpoint: file with its weights, opened or not; None leaves them as initialized, at random
            where a file of first weights is not there, which is said.
        device: where the model goes.
        allow_partial: see :func:`sparse3d.checkpoints.open.load_weights`.
        split: whose data it is to predict: ``'train'``, ``'val'`` or ``'test'``; None for
            those to test with, or else to validate.

    Returns:
        The model in evaluation mode.

    Raises:
        ConfigError: if the config has no model, names something unknown or contradicts itself.
        CheckpointError: if the checkpoint is not one of this model, or knows other classes.
        BackendUnavailable: if there is no such device.
    """
    refuse_absent_device(device)
    if 'model' not in config:
        raise ConfigError(f'{config.filename or "the config"} has no model')
    splits = [split or ('test' if config.get('test_dataloader') else 'val')]
    check_config(config, splits)
    init_default_scope(config.get('default_scope', 'mmdet3d'))
    with clear_registry_errors():
        model = MODELS.build(without_absent_files(config.model) if checkpoint is None
                             else config.model)
    if checkpoint is not None:
        opened = open_checkpoint(checkpoint)
        load_weights(model, opened, allow_partial)
        check_checkpoint(config, splits, opened.content, opened.path, refuse=not allow_partial)
    elif hasattr(model, 'init_weights'):
        model.init_weights()
    return model.to(device).eval()


def refuse_absent_device(device: str | torch.device) -> None:
    """Raise if a device has no such name, or is not there.

    Raises:
        BackendUnavailable: naming it.
    """
    try:
        wanted = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise BackendUnavailable(f'there is no device {device!r}; give cpu, cuda or '
                                 f'cuda:<number>') from error
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if wanted.type == 'cuda' and not 0 <= (wanted.index or 0) < count:  # 999 becomes negative
        raise BackendUnavailable(f'the device {device} is not there: torch sees {count} GPUs; give '
                                 f'another one, or cpu')
