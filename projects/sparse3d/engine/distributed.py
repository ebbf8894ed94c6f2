"""Several processes on torch.distributed, started by mmengine; gloo where there is no GPU."""
from __future__ import annotations

import os

import torch
from mmengine.config import Config

from sparse3d.errors import ConfigError

LAUNCHERS = ('none', 'pytorch', 'slurm', 'mpi')


def prepare_launcher(config: Config, launcher: str) -> None:
    """Set the launcher in a config; without a GPU start the process group here.

    mmengine starts the group itself on GPUs but asks for a CUDA device first.

    Raises:
        ConfigError: if the launcher is unknown, or its environment is not there.
    """
    if launcher not in LAUNCHERS:
        raise ConfigError(f'launcher {launcher!r} is none of {", ".join(LAUNCHERS)}')
    config.launcher = launcher
    if launcher == 'none':
        return
    if launcher == 'pytorch' and 'RANK' not in os.environ:
        raise ConfigError('--launcher pytorch is meant for torchrun; '
                          'start with tools/dist_train.sh or tools/dist_test.sh')
    if not torch.cuda.is_available():
        _prepare_gloo(config, launcher)


def leave_process_group() -> None:
    """Wait for the other processes and close the connections to them, if there are any.

    Left to the end of the interpreter, gloo's threads may still be running when their
    objects are destroyed, and the process aborts after all its work is done.
    """
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()


def _prepare_gloo(config: Config, launcher: str) -> None:
    if launcher != 'pytorch':
        raise ConfigError(f'--launcher {launcher} needs GPUs; on CPUs use --launcher pytorch')
    wrapper = {'type': 'MMDistributedDataParallel', 'device_ids': None, 'broadcast_buffers': False,
               'find_unused_parameters': config.get('find_unused_parameters', False)}
    config.model_wrapper_cfg = {**wrapper, **config.get('model_wrapper_cfg', {})}
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group('gloo')
