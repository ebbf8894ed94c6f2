"""A config as the weights of a checkpoint need it."""
from __future__ import annotations

import logging
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from mmengine.config import Config

from sparse3d.checkpoints.hub import is_hub_address
from sparse3d.checkpoints.open import PARTIAL, Checkpoint, a_few, open_checkpoint
from sparse3d.checkpoints.options import PLACE
from sparse3d.checkpoints.shipped import is_shipped
from sparse3d.engine.config_options import has_place, value_at
from sparse3d.engine.load_config import load_config
from sparse3d.engine.published_switches import taking, without_place, written_out_in
from sparse3d.errors import CheckpointError, ConfigError, PluginError
from sparse3d.plugins import config_file

logger = logging.getLogger(__name__)


def open_with_config(
        config: str | PathLike | Config | None,
        checkpoint: str | PathLike | Checkpoint | None,
        cfg_options: Mapping[str, Any] | None = None,
        allow_partial: bool = False,
) -> tuple[Config, Checkpoint | None]:
    """A config as the weights of a checkpoint need it, and the checkpoint.

    Args:
        config: path or bare name of a config file, or a Config; None for the one that the
            checkpoint holds or names, see :func:`own_config`; or ``hf://organization/name``, a
            repository of a hub, or ``'anywhere'``, which comes with Sparse3D: both hold both.
        checkpoint: its options override the config; None for none.
        cfg_options: dotted keys and values that override both.
        allow_partial: see :func:`fitting_options`.

    Raises:
        ConfigError: as :func:`sparse3d.engine.load_config.load_config`.
        CheckpointError: as :func:`open_checkpoint` and :func:`fitting_options`.
    """
    if is_hub_address(config) or is_shipped(config):  # names both
        if checkpoint is not None:
            raise ConfigError(f'{config} holds a config and weights; leave the checkpoint '
                              f'{str(getattr(checkpoint, "path", checkpoint))} out, or name a '
                              f'config of your own')
        config, checkpoint = None, str(config)
    opened = None if checkpoint is None else open_checkpoint(checkpoint)
    if config is None and opened is None:
        raise ConfigError('a config is needed, or a checkpoint that holds one')
    config = own_config(opened) if config is None else load_config(config)
    if cfg_options is not None and not isinstance(cfg_options, Mapping):
        raise ConfigError(f'cfg_options is {cfg_options!r:.60}; give a dict of dotted keys and '
                          f'values')
    options = {} if opened is None else fitting_options(opened, config, allow_partial)
    return load_config(config, {**options, **(cfg_options or {})}), opened


def own_config(checkpoint: Checkpoint) -> Config:
    """The config of a checkpoint: the one that a training stored in it, else the one of ours,
    or of an installed plug-in, that a converter named.

    A stored one is data (:mod:`sparse3d.stored_config`) and says what the model takes and gives;
    it names no files, so that it detects in arrays and does not train or test.

    Raises:
        CheckpointError: if the checkpoint has neither.
    """
    named = checkpoint.meta.get('config')
    if isinstance(named, str) and not isinstance(checkpoint.meta.get('cfg'), str):
        try:  # by its name among the installed ones: no file of the working directory is run
            return load_config(config_file(Path(named).stem))
        except (ConfigError, PluginError) as error:
            raise CheckpointError(f'{checkpoint.path} belongs to the config {named}: {error}'
                                  ) from error
    stored = checkpoint.config()
    dataset = dict(pipeline=stored.get('test_pipeline', []),
                   metainfo=dict(classes=stored.get('class_names')))
    if 'frames' in stored:
        dataset['frames'] = stored['frames']
    if 'model' not in stored or not dataset['pipeline']:
        raise CheckpointError(f'{checkpoint.path}: the config in it has no model or no test '
                              f'pipeline; name the config it belongs to')
    return load_config(Config(dict(stored, test_dataloader=dict(dataset=dataset))))


def fitting_options(checkpoint: Checkpoint, config: Config, allow_partial: bool = False,
                    ) -> dict[str, Any]:
    """The options of a checkpoint that a config has a place for.

    Options of a data set that the config does not have (weights tuned on other data) are left
    out, and said; those of a model only with ``allow_partial``.

    Raises:
        CheckpointError: for an option of a model that the config does not describe.
    """
    plain = config.to_dict()
    published = checkpoint.options.get(PLACE, {})
    left_out = [key for key in checkpoint.options if not (
        taking(config, published) if key == PLACE else has_place(plain, key))]
    of_model = [key for key in left_out if key.startswith('model.')]
    if of_model and not allow_partial:
        raise CheckpointError(f'{checkpoint.path} needs {a_few(of_model)}, which the model of '
                              f'{config.filename or "the config"} does not have: it is a '
                              f'checkpoint of another model; {PARTIAL}')
    left_out += [] if PLACE in left_out else without_place(config, published)
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
            if key != PLACE:
                continue
            final = written_out_in(config, value)
        if isinstance(value, Mapping) and isinstance(final, Mapping):
            final = {name: final[name] for name in value if final.get(name) is not None}
        if final is not None and final != {}:
            kept[key] = final
    return kept
