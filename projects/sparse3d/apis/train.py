"""Training of a detector from its config."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.runner import IterBasedTrainLoop

import sparse3d.register  # noqa: F401  (repairs the stack, registers)
from sparse3d.checkpoints.first_weights import check_first_weights
from sparse3d.checkpoints.open import Checkpoint, latest_checkpoint, load_weights, open_checkpoint
from sparse3d.engine.agreement.check import check_checkpoint, check_config
from sparse3d.engine.checkpoint_config import fitting_options, options_in_effect
from sparse3d.engine.config_parts import check_parts
from sparse3d.engine.distributed import prepare_launcher, refuse_disagreement
from sparse3d.engine.dry_run import DryRun, prepare_and_stop
from sparse3d.engine.initial_weights import check_initial_weights
from sparse3d.engine.load_config import load_config
from sparse3d.engine.registry_errors import clear_registry_errors
from sparse3d.engine.resumed_optimizer import check_epochs_left
from sparse3d.engine.runner import Sparse3DRunner, bare_model
from sparse3d.engine.schedule_ends import check_ends
from sparse3d.engine.training_batch import set_batch
from sparse3d.engine.training_folder import (
    Attempt,
    check_folder,
    check_place_of_resumed,
    remove_checkpoints,
)
from sparse3d.engine.training_length import stretch_training
from sparse3d.errors import CheckpointError, ConfigError
from sparse3d.pretraining.encoder_files import load_encoder

# Where curves can go -> mmengine's backend, and the package it needs.
CURVES = {'tensorboard': ('TensorboardVisBackend', 'tensorboard'),
          'wandb': ('WandbVisBackend', 'wandb')}

SPLITS = ('train', 'val')
LENGTH = 'train_cfg.max_epochs'
SCHEDULE_LENGTHS = {'begin', 'end', 'T_max', 'total_steps', 'milestones', 'periods', 'step_size',
                    'by_epoch', 'convert_to_iter_based'}
OF_MIXED_PRECISION = ('loss_scale', 'dtype', 'use_fp64')  # arguments of AmpOptimWrapper alone
TRAINING_KEYS = ('model', 'train_dataloader', 'train_cfg', 'optim_wrapper')


@dataclass(frozen=True)
class TrainingResult:
    """What a training leaves behind.

    Attributes:
        checkpoint: the last one, or None if none was to be saved.
        metrics: of the last validation, empty if there was none.
        work_dir: folder with logs and checkpoints.
        epochs: number of epochs trained, those before a resume included.
        iterations: the same of a training that counts no epochs; else 0.
    """

    checkpoint: Path | None
    metrics: dict[str, float]
    work_dir: Path
    epochs: int
    iterations: int = 0

    def __str__(self) -> str:
        length = f'{self.iterations} iterations' if self.iterations else f'{self.epochs} epochs'
        return f'trained {length}; checkpoint: {self.checkpoint}'


def train(
        config: str | PathLike | Config,
        work_dir: str | PathLike | None = None,
        cfg_options: dict[str, Any] | None = None,
        amp: bool = False,
        resume: str | PathLike | None = None,
        auto_scale_lr: bool = False,
        launcher: str = 'none',
        seed: int | None = None,
        allow_partial: bool = False,
        verbose: bool = False,
        log_to: Sequence[str] = (),
        dry_run: bool = False,
        epochs: int | None = None,
        overwrite: bool = False,
        batch_size: int | None = None,
        workers: int | None = None,
        accumulate: int | None = None,
) -> TrainingResult | DryRun:
    """Train, with mmengine's Runner, what a config describes.

    Args:
        config: path of a config file, or a Config.
        work_dir: folder for logs and checkpoints; default ``work_dirs/<config name>``.
        cfg_options: dotted keys and values that override the config.
        amp: automatic mixed precision (GPU).
        resume: ``'auto'`` goes on from the latest checkpoint in ``work_dir``, or starts
            if there is none; a path or an address goes on from that checkpoint.
        auto_scale_lr: scale the learning rate by samples of a step / ``base_batch_size``.
        launcher: ``'none'``, ``'pytorch'`` (torchrun), ``'slurm'`` or ``'mpi'``.
        seed: overrides the config's ``randomness.seed``; a resumed training keeps the one that it
            began with.
        allow_partial: let ``load_from`` name a checkpoint of which only a part fits.
        verbose: show on the console all that mmengine logs.
        log_to: where the curves go beside the log files: ``'tensorboard'``, ``'wandb'``.
        dry_run: stop where the first epoch would begin, after reading a batch of each kind of
            data, and return what would be trained.
        epochs: train this number of epochs; schedules, hooks and validation are stretched to it
            (:func:`~sparse3d.engine.training_length.stretch_training`). The option
            ``train_cfg.max_epochs`` means the same, unless options set a schedule's length as well.
        overwrite: train anew in a folder that holds checkpoints, which are removed.
        batch_size: samples that each process reads at a time.
        workers: processes that read data beside each training process.
        accumulate: batches whose mean gradient makes a step of the optimizer.

    Raises:
        ConfigError: if the config cannot mean what it says, its schedules do not end with the
            training, the folder holds checkpoints and nothing says what becomes of them, or
            processes go on from different ones.
        CheckpointError: if a checkpoint is damaged or one of another model.
        DataError: if data cannot be read or a file cannot be written.
        OutOfMemory: if the GPU is too small, naming what makes the training smaller.
    """
    if overwrite and resume is not None:
        raise ConfigError('--overwrite begins anew and --resume goes on: give one of them')
    config, opened, stretched = _config_and_start(
        config, dict(cfg_options or {}), work_dir, resume, allow_partial, epochs)
    missing = [key for key in TRAINING_KEYS if config.get(key) is None]
    if missing:
        raise ConfigError(f'the config cannot train: it has no {", ".join(missing)}')
    set_batch(config, batch_size, workers, accumulate)
    if batch_size is not None or accumulate is not None:
        config.batch_set = True  # the rate may be that of another batch: worth a sentence
    check_parts(config.to_dict())
    check_config(config, SPLITS)
    check_ends(config.get('param_scheduler'), config.train_cfg)
    check_first_weights(config.model.to_dict())
    check_initial_weights(config)
    resumed = resume is not None or bool(config.get('resume'))
    if overwrite and resumed:
        raise ConfigError('--overwrite begins anew and resume=True in the config goes on: leave '
                          'one of them out')
    check_folder(config.work_dir, resumed, may_begin_anew=overwrite or dry_run)
    if resume not in (None, 'auto') and not dry_run:
        check_place_of_resumed(config.work_dir, resume)
    _check_encoder(config, resumed)
    config.verbose = verbose
    _set_seed(config, seed, (cfg_options or {}).get('randomness.seed'), opened)
    _set_amp(config, amp, only_looking=dry_run)
    _set_logging(config, log_to)
    _set_auto_scale_lr(config, auto_scale_lr)
    _make_workers_resumable(config)
    prepare_launcher(config, launcher)
    with Attempt(config.work_dir, only_looks=dry_run) as attempt, clear_registry_errors():
        runner = attempt.runner = Sparse3DRunner.from_cfg(config)
        refuse_disagreement('checkpoints to go on from',
                            _place_of(opened if config.resume else None))
        if config.get('pretrained_encoder') and not resumed:
            load_encoder(bare_model(runner.model), config.pretrained_encoder)  # or it is refused
        if opened is not None:
            _check_start(runner, opened, config, allow_partial)
        if stretched:
            runner.logger.info(stretched)
        if dry_run:
            return prepare_and_stop(runner)
        if overwrite and not resumed and is_main_process():
            runner.before_first_epoch = partial(
                remove_checkpoints, config.work_dir,
                but=config.get('load_from') or config.get('pretrained_encoder'))
        runner.train()
    return _result(runner)


def _stretched(config: str | PathLike | Config, options: dict[str, Any],
               epochs: int | None) -> tuple[Config, dict[str, Any], str]:
    """The config with its length, the options left to apply, and what was stretched to that."""
    asked = options.get(LENGTH)
    if epochs is not None and asked not in (None, epochs):
        raise ConfigError(f'--epochs {epochs} and the option {LENGTH}={asked} disagree: '
                          'give one of them')
    config, stretched = load_config(config), ''
    length = asked if epochs is None else epochs
    if length is not None and (epochs is not None or not any(map(_sets_a_length, options))):
        stretched = stretch_training(config, length)
        options = {key: value for key, value in options.items() if key != LENGTH}
    return config, options, stretched


def _sets_a_length(key: str) -> bool:
    """Whether an option says itself where a schedule begins or ends, or replaces schedules."""
    parts = key.split('.')
    first, last = parts[0], parts[-1]
    return first == 'param_scheduler' and (last in SCHEDULE_LENGTHS or last == first
                                           or last.isdigit())


def choose_work_dir(config: Config, work_dir: str | PathLike | None) -> str:
    """The folder asked for, else the config's, else ``work_dirs/<config name>``."""
    name = Path(config.filename).stem if config.filename else 'unnamed'
    return str(work_dir or config.get('work_dir') or Path('work_dirs') / name)


def _set_seed(config: Config, seed: int | None, of_options: int | None,
              opened: Checkpoint | None) -> None:
    """The seed asked for, else the config's, else 0; a resumed training goes on with its own."""
    randomness = dict(config.get('randomness') or {})
    asked = of_options if seed is None else seed
    begun = opened.meta.get('seed') if opened is not None and config.resume else None
    if opened is not None and begun is not None:
        if asked not in (None, begun):
            raise ConfigError(f'the training of {opened.path} began with the seed {begun}, not '
                              f'{asked}: leave the seed out to go on, or begin anew from its '
                              f'weights with --cfg-options load_from={opened.path}')
        asked = begun
    if asked is not None:
        randomness['seed'] = asked
    if randomness.get('seed') is None:
        randomness['seed'] = 0
    config.randomness = randomness


def _set_amp(config: Config, amp: bool, only_looking: bool) -> None:
    kind = config.optim_wrapper.get('type', 'OptimWrapper')  # as mmengine takes it
    if amp and kind != 'AmpOptimWrapper':
        if kind != 'OptimWrapper':
            raise ConfigError(f'--amp needs optim_wrapper.type OptimWrapper, not {kind}')
        config.optim_wrapper.update(type='AmpOptimWrapper', loss_scale='dynamic')
    if config.optim_wrapper.get('type') == 'AmpOptimWrapper' and not torch.cuda.is_available():
        if only_looking:  # here, for a machine with a GPU
            config.optim_wrapper = {
                **{key: value for key, value in config.optim_wrapper.items()
                   if key not in OF_MIXED_PRECISION}, 'type': 'OptimWrapper'}
            return
        raise ConfigError('mixed precision (--amp) needs a GPU, and this machine has none; '
                          'train without it')


def _set_logging(config: Config, log_to: Sequence[str]) -> None:
    backends = [{'type': 'LocalVisBackend'}]
    for name in log_to:
        if name not in CURVES:
            raise ConfigError(f'curves go to {" or ".join(CURVES)}, not to {name!r}')
        backend, package = CURVES[name]
        if find_spec(package) is None:
            raise ConfigError(f'--log-to {name} needs the package {package}; '
                              f'install it with "pip install {package}"')
        backends.append({'type': backend})
    if log_to:
        config.visualizer = {'type': 'Visualizer', 'vis_backends': backends}


def _set_auto_scale_lr(config: Config, wanted: bool) -> None:
    settings = config.get('auto_scale_lr') or {}
    if not (wanted or settings.get('enable')):
        return
    if settings.get('base_batch_size') is None:
        raise ConfigError('--auto-scale-lr needs auto_scale_lr.base_batch_size in the config: '
                          'the batch size that its learning rate was chosen for')
    config.auto_scale_lr.enable = True


def _config_and_start(
        config: str | PathLike | Config, cfg_options: dict[str, Any],
        work_dir: str | PathLike | None, resume: str | PathLike | None, allow_partial: bool,
        epochs: int | None,
) -> tuple[Config, Checkpoint | None, str]:
    """The config, with the options of the checkpoint that the training starts from, if any.

    Also the opened checkpoint, and a sentence on what was stretched to the number of epochs.
    """
    bare, cfg_options, stretched = _stretched(config, cfg_options, epochs)
    config = load_config(bare, cfg_options)
    work_dir = choose_work_dir(config, work_dir)
    path, resumed = config.get('load_from'), config.get('resume', False)
    if resume is not None:
        latest = latest_checkpoint(work_dir) if resume == 'auto' else resume
        resumed = latest is not None
        path = latest if resumed else path  # nothing to go on from: the first weights stay
    elif path is None and resumed:  # mmengine looks in its work_dir for the latest one
        path = latest_checkpoint(work_dir)
    opened = open_checkpoint(path) if path is not None else None
    if opened is not None and opened.options:
        options = fitting_options(opened, bare, allow_partial and not resumed)
        config = load_config(bare, {**options, **cfg_options})
    config.work_dir, config.resume = work_dir, resumed
    config.load_from = opened.path if opened is not None else None
    return config, opened, stretched


def _make_workers_resumable(config: Config) -> None:
    """Let data workers start anew each epoch with PyTorch's seed.

    The random state of a worker that lives on cannot be stored in a checkpoint. With
    ``EpochSampler`` samples are random by epoch and index, whatever the worker.
    """
    hooks = (config.get('default_hooks') or {}).values()
    by_sample = config.train_dataloader.get('sampler', {}).get('type') == 'EpochSampler'
    if not by_sample and any(hook and hook.get('type') == 'SeedEveryEpochHook' for hook in hooks):
        config.train_dataloader.persistent_workers = False
        config.train_dataloader.worker_init_fn = {'type': 'seed_worker_from_torch'}


def _check_start(runner: Sparse3DRunner, opened: Checkpoint, config: Config,
                 allow_partial: bool) -> None:
    """Refuse a checkpoint that does not fit before anything long starts; say what it brings."""
    load_weights(bare_model(runner.model), opened, allow_partial and not config.resume)
    check_checkpoint(config, SPLITS, opened.content, opened.path,
                     refuse=bool(config.get('resume')))
    if config.resume and not {'meta', 'optimizer', 'message_hub'} <= set(opened.content):
        raise CheckpointError(f'{opened.path} holds weights but no state of a training to resume; '
                              f'use --cfg-options load_from={opened.path} to start from it')
    if config.resume:
        check_epochs_left(config.train_cfg.get('max_epochs'), opened.meta.get('epoch'), opened.path)
        runner.saved_schedules = opened.content.get('param_schedulers') or []
        runner.saved_optimizer = opened.content['optimizer']
    runner.opened = opened
    runner.published_options = options_in_effect(opened.options, config)
    if runner.published_options:
        kept = ', '.join(f'{key}={value}' for key, value in runner.published_options.items())
        runner.logger.info(f'The options of {opened.path} are kept: {kept}')


def _place_of(opened: Checkpoint | None) -> str:
    """Which checkpoint that is, whatever the folder is called here."""
    if opened is None:
        return 'none'
    return f'{Path(opened.path).name} of iteration {opened.meta.get("iter")}'


def _check_encoder(config: Config, resumed: bool) -> None:
    """One file gives the first weights."""
    encoder = config.get('pretrained_encoder')
    if encoder and config.get('load_from') and not resumed:
        raise ConfigError(f'pretrained_encoder={encoder} and load_from={config.load_from} both '
                          f'give the encoder its weights: leave one of them out')


def _result(runner: Sparse3DRunner) -> TrainingResult:
    scalars = runner.message_hub.log_scalars
    metrics = {name.removeprefix('val/'): float(buffer.current())
               for name, buffer in scalars.items()
               if name.startswith('val/') and name not in ('val/time', 'val/data_time')}
    return TrainingResult(latest_checkpoint(runner.work_dir), metrics, Path(runner.work_dir),
                          runner.epoch, runner.iter * isinstance(runner.train_loop,
                                                                 IterBasedTrainLoop))
