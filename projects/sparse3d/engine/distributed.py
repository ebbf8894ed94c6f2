"""Several processes on torch.distributed, started by mmengine; gloo where there is no GPU."""
from __future__ import annotations

import atexit
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.config import Config
from mmengine.dist import all_gather_object

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
    if launcher == 'slurm':
        if 'SLURM_PROCID' not in os.environ:
            raise ConfigError('--launcher slurm is meant for srun; start with '
                              'tools/slurm_train.sh or tools/slurm_test.sh')
        os.environ.setdefault('MASTER_PORT', str(_port_of_job(os.environ.get('SLURM_JOB_ID'))))
    if not torch.cuda.is_available():
        _prepare_gloo(config, launcher)


def _port_of_job(job: str | None) -> int:
    """Of its own for each job: several may share a machine."""
    return 20000 + int(job) % 10000 if job and job.isdecimal() else 29500


def leave_process_group() -> None:
    """Wait for the other processes and close the connections to them, if there are any.

    With gloo the process ends here, with success, after its handlers for the end have run: a model
    that was trained holds the group past its end, gloo's threads may still be running when the
    interpreter destroys their objects, and the process then aborts after all its work is done.
    """
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return
    ends_here = torch.distributed.get_backend() == 'gloo'
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()
    if ends_here:
        atexit._run_exitfuncs()
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def refuse_disagreement(what: str, seen: object) -> None:
    """Refuse to begin where processes see different things: they would wait without end.

    Args:
        what: in the plural, for the error.
        seen: by this process; plain data.

    Raises:
        ConfigError: in every process, naming what two of them see.
    """
    of_all = all_gather_object(seen)
    other = next((rank for rank, value in enumerate(of_all) if value != of_all[0]), None)
    if other is not None:
        raise ConfigError(f'processes see different {what}: the first one {of_all[0]}, number '
                          f'{other} (from 0) {of_all[other]}; give them a work folder that all '
                          f'machines share')


@contextmanager
def without_others() -> Iterator[None]:
    """Run a block as if this process were the only one: nothing in it waits for another."""
    asked = torch.distributed.is_initialized
    torch.distributed.is_initialized = lambda: False
    try:
        yield
    finally:
        torch.distributed.is_initialized = asked


def _prepare_gloo(config: Config, launcher: str) -> None:
    if launcher == 'slurm':
        _set_ranks_of_slurm()
    elif launcher != 'pytorch':
        raise ConfigError(f'--launcher {launcher} needs GPUs; on CPUs use --launcher pytorch or '
                          f'slurm')
    wrapper = {'type': 'MMDistributedDataParallel', 'device_ids': None, 'broadcast_buffers': False,
               'find_unused_parameters': config.get('find_unused_parameters', False)}
    config.model_wrapper_cfg = {**wrapper, **config.get('model_wrapper_cfg', {})}
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group('gloo')


def _set_ranks_of_slurm() -> None:
    """Tell torch what srun told this process, as mmengine does on GPUs."""
    os.environ['RANK'] = os.environ['SLURM_PROCID']
    os.environ['WORLD_SIZE'] = os.environ['SLURM_NTASKS']
    os.environ['LOCAL_RANK'] = os.environ.get('SLURM_LOCALID', '0')
    if 'MASTER_ADDR' not in os.environ:
        os.environ['MASTER_ADDR'] = first_host(os.environ['SLURM_NODELIST'])


def first_host(nodes: str) -> str:
    """The first machine of a list as Slurm writes it, ``node[01-04],other``.

    Raises:
        ConfigError: if Slurm does not know the list.
    """
    asked = subprocess.run(['scontrol', 'show', 'hostnames', nodes], capture_output=True,
                           text=True)
    if asked.returncode or not asked.stdout.strip():
        raise ConfigError(f'SLURM_NODELIST is {nodes!r}, of which Slurm names no machine '
                          f'({asked.stderr.strip()}); set MASTER_ADDR to the first one')
    return asked.stdout.split()[0]
