"""The whole way once: simulate, prepare, train, evaluate, render."""
from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from sparse3d.apis.test import test
from sparse3d.apis.train import train
from sparse3d.apis.visualize import visualize
from sparse3d.datasets.kitti.prepare.frames import prepare_kitti
from sparse3d.datasets.kitti.simulate.drive import KittiOptions, simulate_kitti
from sparse3d.engine.load_config import load_config
from sparse3d.engine.training_length import stretch_training
from sparse3d.parallel.progress import Activity, said

SCORE = 'kitti/Car_3D_R40_moderate'


@dataclass
class DemoResult:
    """What the demo measured and made."""

    metrics: dict[str, float]
    pictures: list[Path]
    checkpoint: Path
    seed: int
    seconds: dict[str, float] = field(default_factory=dict)  # by step

    def summary(self) -> str:
        """The last lines that a user reads."""
        times = ', '.join(f'{name} {passed:.0f} s' for name, passed in self.seconds.items())
        lines = [f'{name.removeprefix("kitti/"):28s} {self.metrics[name]:6.2f}'
                 for name in sorted(self.metrics) if '_R40_' in name and 'loose' not in name]
        return '\n'.join([
            'Average precision in per cent on simulated frames never seen in training', *lines,
            f'time: {times}; in all {sum(self.seconds.values()):.0f} s',
            f'checkpoint: {self.checkpoint}', 'pictures:',
            *(f'  {path}' for path in self.pictures),
            f'car 3D AP_R40 moderate at IoU 0.7: {self.metrics[SCORE]:.2f} (seed {self.seed})'])


def run_demo(
        config: str | PathLike,
        data_root: str | PathLike,
        out: str | PathLike,
        frames: int = 200,
        pictures: int = 3,
        seed: int = 0,
        workers: int | None = None,
        cfg_options: dict[str, Any] | None = None,
        epochs: int = 5,
        drive_seed: int = 0,
) -> DemoResult:
    """Simulate a drive in KITTI's layout, train ``config`` on it, evaluate and draw.

    A step that an earlier run finished, or left half done, is not begun anew.

    Args:
        config: config of a detector for the simulated drive.
        data_root: folder for the drive.
        out: folder for logs, checkpoints and pictures.
        frames: number of simulated frames; a quarter of them is held out.
        pictures: number of held-out frames to draw.
        seed: of the training.
        workers: processes for simulation and preparation; default: one for each core.
        cfg_options: dotted keys and values that override the config.
        epochs: of the training; one less than the config's, so that all of it takes less than
            eight minutes on two slow cores.
        drive_seed: of the simulation. 50 frames of another drive move the score of the same
            weights by several AP.

    Raises:
        ConfigError, CheckpointError, DataError: as the steps do.
    """
    workers = workers or os.cpu_count() or 1
    data_root, out = Path(data_root), Path(out)
    os.environ['SPARSE3D_SIMULATED_KITTI'] = str(data_root)  # where the config looks
    plan = load_config(config)
    stretch_training(plan, epochs)
    plan = load_config(plan, cfg_options)
    plan.train_cfg.val_begin = plan.train_cfg.max_epochs + 1  # the fourth step evaluates
    seconds: dict[str, float] = {}

    def step(name: str, action: Callable[[], Any]) -> Any:
        print(f'\n=== {len(seconds) + 1}/5 {name}', flush=True)
        start = time.monotonic()
        said()
        with Activity(f'step {len(seconds) + 1}/5 {name}'):
            result = action()
        seconds[name] = time.monotonic() - start
        return result

    many_streets = KittiOptions(frames_per_drive=2)
    step('simulate', lambda: simulate_kitti(data_root, frames, drive_seed, workers,
                                            options=many_streets))
    step('prepare', lambda: prepare_kitti(data_root, workers=workers))
    trained = step('train', lambda: train(plan, out, resume='auto', seed=seed))
    metrics = step('evaluate', lambda: test(plan, trained.checkpoint, out))
    drawn = step('render', lambda: visualize(plan, trained.checkpoint, out / 'pictures',
                                             frames=pictures))
    return DemoResult(metrics, drawn, trained.checkpoint, seed, seconds)
