"""mmengine's Runner with a quiet console and a learning rate that scales as a whole."""
from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import broadcast, master_only
from mmengine.logging import MMLogger
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapperDict
from mmengine.runner import IterBasedTrainLoop, Runner
from mmengine.runner.checkpoint import _load_checkpoint_to_model
from torch import nn

from sparse3d.checkpoints.open import Checkpoint
from sparse3d.engine.allocator import set_allocator
from sparse3d.engine.hooks.feature_reuse import FeatureReuseHook
from sparse3d.engine.initial_weights import OWN, RELEASED, draw_initial_weights
from sparse3d.engine.out_of_memory import explained_out_of_memory
from sparse3d.engine.registry_errors import clear_value_errors
from sparse3d.engine.resumed_optimizer import check_resumed_optimizer
from sparse3d.engine.schedule_ends import (
    check_iterations,
    check_resumed,
    lasting,
    schedules_of,
    tell_long_warm_ups,
)
from sparse3d.engine.schedules.lost_multipliers import refuse_lost_multipliers
from sparse3d.engine.threads import one_blas_thread
from sparse3d.engine.training_batch import accumulated, samples_in_a_step
from sparse3d.engine.training_folder import explained_full_disk
from sparse3d.errors import ConfigError, DataError
from sparse3d.parallel.progress import Activity, said
from sparse3d.pretraining.encoder_files import load_encoder

# Hooks that mmengine adds unless they are None.
BUILT_IN_HOOKS = {'runtime_info', 'timer', 'sampler_seed', 'logger', 'param_scheduler',
                  'checkpoint'}

RUNS = itertools.count(1)


class Sparse3DRunner(Runner):
    """Runner whose console shows progress and results; the log file keeps everything.

    With ``verbose=True`` in the config the console shows all that mmengine logs.

    Attributes:
        opened: the checkpoint to start from, if it is open already.
        published_options: config options that the weights need; kept in every checkpoint.
        saved_schedules: of the checkpoint that a training is resumed from, else None.
        saved_optimizer: its state in that checkpoint, else None.
        begun: whether a batch was read for training or testing.
        before_first_epoch: called when nothing is left that could refuse the training.
    """

    saved_schedules: Any = None
    saved_optimizer: Any = None
    before_first_epoch: Callable[[], object] | None = None
    begun: bool = False
    _point: tuple[str, int | None] = ('', None)  # the last hooks called, and for which batch

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs['experiment_name'] = _unused_name(kwargs)
        super().__init__(*args, **kwargs)
        self.opened: Checkpoint | None = None
        self.published_options: dict[str, Any] = {}
        for handler in _console_handlers(self.logger):
            if handler.level < logging.ERROR:  # other processes than the first stay silent
                handler.setLevel(logging.INFO)

    def setup_env(self, env_cfg: dict) -> None:
        """Prepare the process, before any data worker is forked from it."""
        super().setup_env(env_cfg)
        one_blas_thread()
        if not torch.cuda.is_available():
            set_allocator()

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        """Build the logger; while the Runner is being built the console shows warnings only."""
        logger = super().build_logger(*args, **kwargs)
        if self.cfg.get('verbose', False):
            return logger
        for handler in _console_handlers(logger):
            handler.setLevel(max(handler.level, logging.WARNING))
            handler.setFormatter(logging.Formatter('%(message)s'))
            handler.addFilter(_worth_showing)
        return logger

    @staticmethod
    def build_dataloader(dataloader: Any, *args: Any, **kwargs: Any) -> Any:
        """Build a dataloader; without worker processes none can be kept alive."""
        if isinstance(dataloader, dict) and not dataloader.get('num_workers', 0):
            dataloader = {**dataloader, 'persistent_workers': False}
        with clear_value_errors('data loader', dataloader):
            return Runner.build_dataloader(dataloader, *args, **kwargs)

    def set_randomness(self, seed: Any = None, **options: Any) -> None:
        """Seed everything; ConfigError for a seed that is no whole number."""
        if seed is not None and (not isinstance(seed, int) or not 0 <= seed < 2 ** 32):
            raise ConfigError(f'randomness.seed is {seed!r}; a seed is a whole number from 0 to '
                              f'{2 ** 32 - 1}, or None for another one each time')
        super().set_randomness(seed, **options)

    def _init_model_weights(self) -> None:
        """Initialize the model: as it does itself, as its release, or from a pre-training."""
        super()._init_model_weights()
        if self.cfg.get('initial_weights', OWN) == RELEASED:
            draw_initial_weights(bare_model(self.model), self.cfg.released_weights)
            for value in self.model.state_dict().values():
                broadcast(value)  # from the first process to all
        encoder = self.cfg.get('pretrained_encoder')
        if encoder and not self._resume:
            self.logger.info(str(load_encoder(bare_model(self.model), encoder)))

    def build_optim_wrapper(self, optim_wrapper: Any) -> Any:
        """Build the optimizer; ConfigError for values that it refuses."""
        with clear_value_errors('optimizer', optim_wrapper):
            return super().build_optim_wrapper(optim_wrapper)

    def register_default_hooks(self, hooks: dict[str, Any] | None = None) -> None:
        """Register hooks; any of them is switched off by None, not only mmengine's own."""
        super().register_default_hooks(
            {name: hook for name, hook in (hooks or {}).items()
             if hook is not None or name in BUILT_IN_HOOKS})

    def register_hooks(self, *args: Any, **kwargs: Any) -> None:
        """Register hooks, and the one that lends temporal models a feature cache."""
        super().register_hooks(*args, **kwargs)
        self.register_hook(FeatureReuseHook())

    def build_train_loop(self, loop: Any) -> Any:
        """Build the loop.

        Raises:
            DataError: if there is nothing to train on.
            ConfigError: if a step takes more batches than the training has.
        """
        loop = super().build_train_loop(loop)
        if len(loop.dataloader) == 0:
            raise DataError(_no_batch(loop.dataloader))
        batches = accumulated(self.optim_wrapper)
        if batches > loop.max_iters:  # one step would be made, where the rate has ended
            raise ConfigError(f'a step takes {batches} batches (--accumulate, optim_wrapper.'
                              f'accumulative_counts), the whole training has {loop.max_iters}: '
                              f'give fewer')
        return loop

    def build_val_loop(self, loop: Any) -> Any:
        """Build the loop; DataError if there is nothing to validate on."""
        return _with_samples(super().build_val_loop(loop), 'validate on: the validation')

    def build_test_loop(self, loop: Any) -> Any:
        """Build the loop; DataError if there is nothing to test on."""
        return _with_samples(super().build_test_loop(loop), 'test on: the test')

    def train(self) -> Any:
        """Train; a heartbeat says how far the training is."""
        with (Activity(self._place), explained_out_of_memory(self.cfg, self._place),
              explained_full_disk(self.work_dir, 'go on with --resume')):
            return super().train()

    def val(self) -> dict:
        """Validate; a heartbeat says how far it is."""
        with Activity(self._place):
            return super().val()

    def test(self) -> dict:
        """Test; a heartbeat says how far it is."""
        with (Activity(self._place),
              explained_full_disk(self.work_dir, 'run the command again')):
            return super().test()

    def call_hook(self, fn_name: str, **kwargs: Any) -> None:
        """Call the hooks, and remember where in the loops that is."""
        self.note_place(fn_name, kwargs.get('batch_idx'))
        self.begun |= fn_name in ('before_train_iter', 'before_test_iter')
        if fn_name == 'before_train_epoch' and self.before_first_epoch is not None:
            self.before_first_epoch()
            self.before_first_epoch = None
        super().call_hook(fn_name, **kwargs)

    def note_place(self, point: str, step: int | None = None) -> None:
        """Remember where in the loops that is, by the name of hooks and the number of a batch."""
        self._point = point, step

    def _place(self) -> str:
        """Where the loops are, for a line of progress."""
        point, step = self._point
        mode = next((mode for mode in ('train', 'val', 'test')
                     if point.startswith((f'before_{mode}_', f'after_{mode}_'))), None)
        title = {'train': 'training', 'val': 'validation', 'test': 'test'}.get(mode)
        if title is None:
            return 'getting ready'
        if mode == 'train':
            title = f'epoch {self.epoch + 1}/{self.max_epochs}'
        if step is None:
            return title if mode == 'train' else f'{title}: getting ready or scoring'
        loop = {'train': self._train_loop, 'val': self._val_loop, 'test': self._test_loop}[mode]
        steps = len(loop.dataloader)
        done = step + point.startswith('after')
        scoring = mode != 'train' and done == steps
        return f'{title}  {done}/{steps}{", scoring" if scoring else ""}'

    def build_param_scheduler(self, scheduler: Any) -> Any:
        """Build the schedules; those that last no step are left out.

        Raises:
            ConfigError: if they end early or late, or would undo the rates of single
                parameter groups.
            CheckpointError: if a training is resumed whose schedules or optimizer had other
                numbers.
        """
        refuse_lost_multipliers(scheduler, self.optim_wrapper)
        epoch_length = len(self.train_dataloader)
        scheduler = lasting(scheduler, epoch_length, self.logger)
        tell_long_warm_ups(scheduler, self.max_iters, self.logger)
        if not isinstance(self.train_loop, IterBasedTrainLoop):
            check_iterations(scheduler, self.max_epochs, epoch_length)
        built = super().build_param_scheduler(scheduler)
        if accumulated(self.optim_wrapper) > 1:  # or mmengine warns until the first step is made
            self.optim_wrapper._global_step = 0
        self._check_resumed(built)
        return built

    def _check_resumed(self, schedules: Any) -> None:
        """Schedules and optimizer are those of the checkpoint, which replaces their numbers."""
        if self.saved_schedules is None:
            return
        check_resumed(schedules, self.saved_schedules, str(self._load_from))
        if not isinstance(self.optim_wrapper, OptimWrapperDict):
            check_resumed_optimizer(self.optim_wrapper.optimizer.param_groups,
                                    self.saved_optimizer or {}, str(self._load_from))

    def load_checkpoint(self, filename: str, map_location: Any = 'cpu', strict: bool = False,
                        revise_keys: Sequence = ((r'^module.', ''), )) -> dict:
        """Load weights as mmengine does; a checkpoint that is open is not read again."""
        if self.opened is None or self.opened.path != str(filename):
            return super().load_checkpoint(filename, map_location, strict, list(revise_keys))
        content, self.opened = self.opened.content, None
        self.call_hook('after_load_checkpoint', checkpoint=content)
        _load_checkpoint_to_model(bare_model(self.model), content, strict,
                                  revise_keys=list(revise_keys))
        self._has_loaded = True
        self.logger.info(f'Load checkpoint from {filename}')
        return content

    def resume(self, *args: Any, **kwargs: Any) -> None:
        """Go on where a checkpoint stands; its config text makes way for the one of this run."""
        super().resume(*args, **kwargs)
        self.message_hub.update_info('cfg', self.cfg.pretty_text)

    @master_only
    def save_checkpoint(self, *args: Any, meta: dict | None = None, **kwargs: Any) -> None:
        """Save a checkpoint, with the options that its weights need."""
        if self.published_options:
            meta = {**(meta or {}), 'config_options': dict(self.published_options)}
        super().save_checkpoint(*args, meta=meta, **kwargs)

    def scale_lr(self, optim_wrapper: Any, auto_scale_lr: dict | None = None) -> None:
        """Scale the learning rate by samples of a step / base batch size, schedules included.

        mmengine scales the optimizer's rate alone, which schedules with an absolute
        ``eta_max`` or ``eta_min`` (one cycle, cosine) then override, and does not count the
        batches that are accumulated. What is done, or could be, is said once.

        Raises:
            CheckpointError: if a training without schedules is resumed that had other settings.
        """
        self._scale_lr(optim_wrapper, auto_scale_lr)
        if self.param_schedulers is None:  # else it is done where they are built
            self._check_resumed([])

    def _scale_lr(self, optim_wrapper: Any, auto_scale_lr: dict | None) -> None:
        base = (auto_scale_lr or {}).get('base_batch_size')
        if not base:
            return
        samples, told = samples_in_a_step(self._train_dataloader['batch_size'], self.world_size,
                                          accumulated(optim_wrapper))
        ratio = samples / base
        if not auto_scale_lr.get('enable', False):
            if ratio != 1 and (self.cfg.get('batch_set') or self.world_size > 1):
                self.logger.info(
                    f'The learning rate is that of the config, meant for steps of {base} samples; '
                    f'here a step has {samples} ({told}): --auto-scale-lr scales it by {ratio:g}')
            return
        wrappers = optim_wrapper.values() if isinstance(optim_wrapper, OptimWrapperDict) else [
            optim_wrapper]
        for wrapper in wrappers:
            for group in wrapper.param_groups:  # the one that logs the base rate among them
                group['lr'] *= ratio
        highest = max(group['lr'] for wrapper in wrappers
                      for group in wrapper.optimizer.param_groups)
        self.logger.info(f'The learning rate is scaled by {ratio:g} to {highest:g}, for steps of '
                         f'{samples} samples ({told}) instead of {base}')
        for _, schedule in schedules_of(self.param_schedulers):
            if str(schedule.get('type', '')).endswith('LR'):
                for key in {'eta_max', 'eta_min'} & set(schedule):
                    schedule[key] = _times(schedule[key], ratio)


def _times(value: Any, ratio: float) -> Any:
    """A rate, or one for each group, times a ratio."""
    return [item * ratio for item in value] if isinstance(value, list | tuple) else value * ratio


def _no_batch(loader: Any) -> str:
    samples, batch = len(loader.dataset), loader.batch_size
    told = f'there is no batch to train on: the training set has {samples} samples'
    if samples and batch and loader.drop_last:
        told += (f', a batch of each process takes {batch}, and an incomplete one is dropped '
                 f'(train_dataloader.drop_last): give a smaller --batch-size')
    return told


def _with_samples(loop: Any, purpose: str) -> Any:
    if len(loop.dataloader.dataset) == 0:
        raise DataError(f'there is nothing to {purpose} set has 0 samples')
    return loop


def bare_model(model: nn.Module) -> nn.Module:
    """The model itself, out of its wrapper for several processes."""
    return model.module if is_model_wrapper(model) else model


def _unused_name(arguments: dict[str, Any]) -> str:
    """A name of its own for each run of a process.

    mmengine shares logger, metrics and visualizer between Runners of one name, and
    the time that it adds to a name tells only seconds apart.
    """
    filename = getattr(arguments.get('cfg'), 'filename', None)
    name = arguments.get('experiment_name') or Path(filename or 'unnamed').stem
    number = next(RUNS)
    return name if number == 1 else f'{name}_run{number}'


def _console_handlers(logger: MMLogger) -> list[logging.Handler]:
    return [handler for handler in logger.handlers if type(handler) is logging.StreamHandler]


NOISE = ('Exp name:', 'Loads checkpoint by', '"FileClient" will be', '"HardDiskBackend" is')


def _worth_showing(record: logging.LogRecord) -> bool:
    shown = not record.getMessage().startswith(NOISE)
    if shown:
        said()
    return shown
