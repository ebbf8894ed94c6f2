"""A real Slurm of one machine: munged, slurmctld and slurmd of Debian, in a folder of their own.

Needs the packages slurm-wlm and munge, and root; where they are not there or the daemons do not
come up, the test that asks skips and says why.
"""
from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PARTITION = 'tests'
STARTING = 30.0  # seconds
PROGRAMS = ('munged', 'slurmctld', 'slurmd', 'srun', 'sbatch', 'squeue', 'scancel')
CONFIG = """\
ClusterName=one
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SchedulerType=sched/builtin
SchedulerParameters=batch_sched_delay=0,sched_interval=1
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
KillWait=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName={partition} Nodes={host} Default=YES MaxTime=10 State=UP
"""


@contextmanager
def one_machine_slurm(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The daemons, and ``SLURM_CONF`` for the commands; yields the partition."""
    absent = [name for name in PROGRAMS if _program(name) is None]
    if absent:
        pytest.skip(f'Slurm is not here ({", ".join(absent)}): apt-get install slurm-wlm munge')
    if os.geteuid() != 0:
        pytest.skip('the daemons of Slurm need root')
    ports = _free_ports(2)
    cpus = max(2, len(os.sched_getaffinity(0)))
    (folder / 'slurm.conf').write_text(CONFIG.format(
        host=socket.gethostname(), ports=ports, folder=folder, cpus=cpus, partition=PARTITION))
    for name in ('state', 'spool'):
        (folder / name).mkdir()
    folder.chmod(0o711)
    key = folder / 'munge.key'
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    environment = {**os.environ, 'SLURM_CONF': str(folder / 'slurm.conf')}
    started: list[subprocess.Popen] = []
    try:
        # In the foreground, so that they end with the test.
        started.append(_start(
            ['munged', '--foreground', '--force', f'--socket={folder}/munge.socket',
             f'--key-file={key}', f'--pid-file={folder}/munged.pid',
             f'--seed-file={folder}/munged.seed'], folder, environment))
        _wait(lambda: (folder / 'munge.socket').exists(), started, folder)
        started.append(_start(['slurmctld', '-D'], folder, environment))
        started.append(_start(['slurmd', '-D', '-N', socket.gethostname()], folder, environment))
        _wait(lambda: _is_idle(environment), started, folder)
        monkeypatch.setenv('SLURM_CONF', str(folder / 'slurm.conf'))
        yield PARTITION
    finally:
        for process in reversed(started):
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _program(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path='/usr/sbin:/sbin')


def _start(command: list[str], folder: Path, environment: dict[str, str]) -> subprocess.Popen:
    with (folder / f'{command[0]}.out').open('wb') as log:
        return subprocess.Popen([_program(command[0]), *command[1:]], stdout=log,
                                stderr=subprocess.STDOUT, env=environment, cwd=folder)


def _wait(ready, started: list[subprocess.Popen], folder: Path) -> None:
    begun = time.monotonic()
    while time.monotonic() - begun < STARTING:
        if ready():
            return
        if any(process.poll() is not None for process in started):
            break
        time.sleep(0.2)
    tails = {path.name: path.read_text(errors='replace')[-300:] for path in folder.glob('*.out')}
    pytest.skip(f'the daemons of Slurm do not come up here: {tails}')


def _is_idle(environment: dict[str, str]) -> bool:
    asked = subprocess.run(['sinfo', '--noheader', '--format=%t'], capture_output=True, text=True,
                           env=environment)
    return asked.stdout.strip() == 'idle'


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(('127.0.0.1', 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
