"""Evaluation of a checkpoint in the benchmark's own terms."""
from __future__ import annotations

from os import PathLike
from typing import Any

from mmengine.config import Config

from sparse3d.apis.evaluated_pieces import test_in_pieces
from sparse3d.apis.train import choose_work_dir
from sparse3d.checkpoints.open import load_weights
from sparse3d.deploy.graph_host import opened_graphs, use_graphs
from sparse3d.engine.agreement.check import check_checkpoint, check_config
from sparse3d.engine.checkpoint_config import open_with_config
from sparse3d.engine.config_parts import check_parts
from sparse3d.engine.distributed import prepare_launcher
from sparse3d.engine.hooks.point_statistics import TrainingComparisonHook
from sparse3d.engine.registry_errors import clear_registry_errors
from sparse3d.engine.runner import Sparse3DRunner, bare_model
from sparse3d.engine.training_folder import Attempt, check_writable
from sparse3d.errors import ConfigError
from sparse3d.parallel.executors import Workers
from sparse3d.structures.point_statistics import PointStatistics

TEST_KEYS = ('model', 'test_dataloader', 'test_cfg', 'test_evaluator')
TRAINING_KEYS = ('train_dataloader', 'train_cfg', 'optim_wrapper', 'param_scheduler')
VALIDATION_KEYS = ('val_dataloader', 'val_cfg', 'val_evaluator')


def keep_test_alone(config: Config) -> None:
    """Take training and validation out of a config, and check what is left.

    Raises:
        ConfigError: if it cannot test, or cannot mean what it says.
    """
    missing = [key for key in TEST_KEYS if config.get(key) is None]
    if missing:
        raise ConfigError(f'the config cannot test: it has no {", ".join(missing)}')
    for key in TRAINING_KEYS + VALIDATION_KEYS:
        config[key] = None
    check_parts(config.to_dict())
    check_config(config, ['test'])


def test(
        config: str | PathLike | Config,
        checkpoint: str | PathLike,
        work_dir: str | PathLike | None = None,
        cfg_options: dict[str, Any] | None = None,
        launcher: str = 'none',
        allow_partial: bool = False,
        verbose: bool = False,
        workers: Workers | None = None,
        exported: str | PathLike | None = None,
) -> dict[str, float]:
    """Predict the test set of a config and evaluate it.

    Points that do not look like those of the checkpoint's training are said once, with numbers.

    Args:
        config: path of a config file, or a Config.
        checkpoint: file with the weights; a converted one brings the published quirks that
            it needs as config options, which ``cfg_options`` override.
        work_dir: folder for logs; default ``work_dirs/<config name>``.
        cfg_options: dotted keys and values that override the config.
        launcher: ``'none'``, ``'pytorch'`` (torchrun), ``'slurm'`` or ``'mpi'``.
        allow_partial: take a checkpoint of which only a part fits.
        verbose: show on the console all that mmengine logs.
        workers: predict in so many processes, or on a cluster; None predicts here.
        exported: an export folder of this checkpoint, whose graphs predict; suppression and what
            else stands outside of them stays the detector's.

    Returns:
        The metrics by name.

    Raises:
        ConfigError: if the config cannot mean what it says.
        CheckpointError: if the checkpoint is damaged or one of another model.
        DataError: if data cannot be read or a file cannot be written.
    """
    config, opened = open_with_config(config, checkpoint, cfg_options, allow_partial)
    if opened is None:
        raise ConfigError('a test needs a checkpoint')
    keep_test_alone(config)
    config.work_dir = choose_work_dir(config, work_dir)
    check_writable(config.work_dir)
    config.verbose = verbose
    config.load_from, config.resume = opened.path, False
    if workers is not None and launcher != 'none':
        raise ConfigError(f'--executor and --launcher {launcher} are two ways to use several '
                          f'processes; give one of them')
    if exported is not None and (workers is not None or launcher != 'none'):
        raise ConfigError('exported graphs predict in this process; leave --executor and '
                          '--launcher out')
    prepare_launcher(config, launcher)
    with Attempt(config.work_dir) as attempt, clear_registry_errors():
        runner = attempt.runner = Sparse3DRunner.from_cfg(config)
        load_weights(bare_model(runner.model), opened, allow_partial)
        check_checkpoint(config, ['test'], opened.content, opened.path, refuse=not allow_partial)
        if exported is not None:
            model = bare_model(runner.model)
            use_graphs(model, config, opened_graphs(exported, model))
        if workers is not None:
            return test_in_pieces(runner, config, opened.path, workers, allow_partial)
        runner.opened = opened
        runner.register_hook(TrainingComparisonHook(PointStatistics.from_meta(opened.meta)))
        return runner.test()


test.__test__ = False  # type: ignore[attr-defined]  # not a case for pytest
