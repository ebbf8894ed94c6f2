"""A config as the weights of a checkpoint need it."""
from __future__ import annotations

import logging
from collections.abc import Mapping
from os import PathLike
from typing import Any

from mmengine.config import Config

from sparse3d.checkpoints.open import Checkpoint, a_few, open_checkpoint
from sparse3d.engine.config_options import has_place, value_at
from sparse3d.engine.load_config import load_config
from sparse3d.errors import CheckpointError

logger = logging.getLogger(__name__)


def open_with_config(
        config: str | PathLike | Config,
        checkpoint: str | PathLike | Checkpoint | None,
        cfg_options: Mapping[str, Any] | None = None,
        allow_partial: bool = False,
) -> tuple[Config, Checkpoint | None]:
    """A config as the weights of a checkpoint need it, and the checkpoint.

    Args:
        config: path of a config file, or a Config.
        checkpoint: its options override the config; None for none.
        cfg_options: dotted keys and values that override both.
        allow_partial: see :func:`fitting_options`.

    Raises:
        ConfigError: as :func:`sparse3d.engine.load_config.load_config`.
        CheckpointError: as :func:`open_checkpoint` and :func:`fitting_options`.
    """
    opened = None if checkpoint is None else open_checkpoint(checkpoint)
    config = load_config(config)
    options = {} if opened is None else fitting_options(opened, config, allow_partial)
    return load_config(config, {**options, **(cfg_options or {})}), opened


def fitting_options(checkpoint: Checkpoint, config: Config, allow_partial: bool = False,
                    ) -> dict[str, Any]:
    """The options of a checkpoint that a config has a place for.

    Options of a data set that the config does not have (weights tuned on other data) are left
    out, and said; those of a model only with ``allow_partial``.

    Raises:
        CheckpointError: for an option of a model that the config does not describe.
    """
    plain = config.to_dict()
    left_out = [key for key in checkpoint.options if not has_place(plain, key)]
    of_model = [key for key in left_out if key.startswith('model.')]
    if of_model and not allow_partial:
        raise CheckpointError(f'{checkpoint.path} needs {a_few(of_model)}, which the model of '
                              f'{config.filename or "the config"} does not have: it is a '
                              f'checkpoint of another model; --allow-partial loads what fits')
    if left_out:
        logger.warning('%s: left out, as the config has no place for it: %s', checkpoint.path,
                       ', '.join(left_out))
    return {key: value for key, value in checkpoint.options.items() if key not in left_out}


def options_in_effect(options: Mapping[str, Any], config: Config) -> dict[str, Any]:
    """Options of a checkpoint with the values that a config has in the end, to be kept.

    Options that the config was given no place for, or that were switched off with None, are
    left out.
    """
    plain, kept = config.to_dict(), {}
    for key, value in options.items():
        try:
            final = value_at(plain, key)
        except KeyError:
            continue
        if isinstance(value, Mapping) and isinstance(final, Mapping):
            final = {name: final[name] for name in value if final.get(name) is not None}
        if final is not None:
            kept[key] = final
    return kept
