"""One training step, or one prediction, of a config's model on a drawn batch: does it run here?"""
from __future__ import annotations

import copy
import random
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from mmdet3d.registry import MODELS
from mmengine.config import Config
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmengine.registry import init_default_scope
from torch import nn

from sparse3d.checkpoints.first_weights import without_absent_files
from sparse3d.engine.drawn_batch import Wanted, drawn_batch
from sparse3d.engine.load_config import load_config
from sparse3d.plugins import plugins

TYPES = {'float32': torch.float32, 'float16': torch.float16, 'bfloat16': torch.bfloat16}


@dataclass
class Trial:
    """A model with what it takes.

    Attributes:
        name: bare name of the config.
        config: loaded.
        wanted: what the model takes.
        model: in training mode, on the CPU, initialized with seed 0.
    """

    name: str
    config: Config
    wanted: Wanted
    model: nn.Module

    @classmethod
    def of(cls, name: str) -> Trial:
        """Build the model of a config; files of first weights that are absent are left out."""
        return cls.of_config(name, load_config(name))

    @classmethod
    def of_config(cls, name: str, config: Config, cameras: int = 2,
                  image_size: tuple[int, int] = (64, 128)) -> Trial:
        """As :meth:`of`, of a config that is loaded already, for samples of so many cameras."""
        init_default_scope(config.get('default_scope', 'mmdet3d'))
        seed_all(0)
        model = MODELS.build(without_absent_files(copy.deepcopy(config.model)))
        model.init_weights()
        return cls(name, config, Wanted.of(config, cameras, image_size), model.train())

    def optimizer(self, dtype: str = 'float32') -> OptimWrapper:
        """The recipe's optimizer, with automatic mixed precision for the half types."""
        options = copy.deepcopy(self.config.optim_wrapper.to_dict())
        scale = options.pop('loss_scale', 'dynamic')
        options.pop('dtype', None)
        options['type'] = 'OptimWrapper'
        if dtype != 'float32':
            options.update(type='AmpOptimWrapper', dtype=dtype, loss_scale=scale)
        return build_optim_wrapper(self.model, options)

    def batch(self, **options: Any) -> dict[str, Any]:
        """A batch drawn for it; see :func:`sparse3d.engine.drawn_batch.drawn_batch`."""
        return drawn_batch(self.wanted, **options)


def trial_names() -> dict[str, str]:
    """Configs that plug-ins offer for trials, with the plug-in of each."""
    return {name: owner.name for owner in plugins().values() for name in owner.trial_configs}


def training_step(trial: Trial, optimizer: OptimWrapper, batch: dict, seed: int = 1,
                  ) -> dict[str, float]:
    """Forward, backward, optimizer; the losses by name."""
    seed_all(seed)
    trial.model.train()
    losses = trial.model.train_step(copy.deepcopy(batch), optimizer)
    return {name: float(value) for name, value in losses.items()}


def prediction(trial: Trial, batch: dict, dtype: str = 'float32') -> list[Any]:
    """What the model detects in a batch, under CUDA's autocast for half types."""
    trial.model.eval()
    with torch.no_grad(), torch.autocast('cuda', TYPES[dtype], enabled=dtype != 'float32'):
        return trial.model.test_step(copy.deepcopy(batch))


def seed_all(seed: int) -> None:
    """One state of chance."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
