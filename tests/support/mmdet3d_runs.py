"""Runs of mmdet3d's own configs on the CPU, with one import: two training steps, then evaluation."""
from __future__ import annotations

import copy
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner

IMPORT = dict(imports=['sparse3d.register'], allow_failed_imports=False)
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


def own_config(name: str, work: Path, options: dict | None = None) -> Config:
    """A config that ships with mmdet3d, such as ``second/second_….py``, and our one import."""
    work.mkdir(parents=True, exist_ok=True)
    file = work / 'config.py'
    file.write_text(f"_base_ = ['mmdet3d::{name}']\ncustom_imports = {IMPORT!r}\n")
    config = Config.fromfile(file)
    config.work_dir = str(work)
    config.merge_from_dict(options or {})
    return config


def two_steps(config: Config) -> Config:
    """The same for two training steps of two frames, in this process."""
    config = copy.deepcopy(config)
    for name in LOADERS:
        loader = config[name]
        loader.update(num_workers=0, persistent_workers=False, batch_size=1)
        loader.pop('prefetch_factor', None)
    config.train_cfg = dict(by_epoch=False, max_iters=2, val_interval=1000)
    config.default_hooks.checkpoint = dict(type='CheckpointHook', interval=-1)
    config.param_scheduler = []
    return config


def train_and_evaluate(config: Config) -> tuple[list[dict], dict]:
    """Losses of every training step, and the metrics of the evaluation after the last."""
    runner = Runner.from_cfg(config)
    losses: list[dict] = []
    upstream = runner.model.train_step

    def train_step(*args, **kwargs):
        losses.append({key: float(value) for key, value in upstream(*args, **kwargs).items()})
        return losses[-1]

    runner.model.train_step = train_step
    runner.train()
    return losses, runner.val()
