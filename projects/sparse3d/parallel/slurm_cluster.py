"""Pieces of work as jobs of Slurm, one array of them, through submitit.

Whether a job is still there is asked of ``squeue``: accounting (``sacct``) is not everywhere.
"""
from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from sparse3d.atomic_files import make_folder
from sparse3d.errors import BackendUnavailable, DataError
from sparse3d.parallel.pieces import LostPiece

FOLDER = '.sparse3d_slurm'  # in the current folder, which all machines see: calls, results, logs
MAX_JOBS = 1000             # of an array at most, where MaxArraySize of Slurm allows it
MINUTES = 24 * 60           # of a job at most, where the partition allows it
NO_ANSWER = 600.0           # seconds without answer or result that end a run; jobs go on without
_ASK_EVERY = 5.0            # seconds between two questions to Slurm
_LAST_WORDS = 60.0          # seconds for taking back what is left
_GRACE = 10.0               # seconds that a file may need to be seen after its job ended


class SlurmPieces:
    """See :class:`~sparse3d.parallel.pieces.Pieces`; to be used in ``with``.

    Further options of ``sbatch`` come from its own environment variables (``SBATCH_ACCOUNT``,
    ``SBATCH_QOS``, ``SBATCH_TIMELIMIT``, ...), which win. The folder of calls, results and logs
    is removed when all went well.

    Args:
        partition: of Slurm.
        title: of the work; name of the jobs.

    Raises:
        BackendUnavailable: if submitit, or Slurm itself, is not there.
    """

    def __init__(self, partition: str, title: str) -> None:
        try:
            import submitit
        except ImportError as error:
            raise BackendUnavailable(
                '--executor slurm needs the package submitit, which is not installed: '
                "pip install 'sparse3d-perception[slurm]'") from error
        if shutil.which('sbatch') is None or shutil.which('srun') is None:
            raise BackendUnavailable('--executor slurm needs the commands of Slurm; run this on a '
                                     'machine where "sinfo" answers')
        minutes = _minutes_of(partition)
        self.partition, self.max_calls = partition, _most_jobs()
        self.size = max(1, self.max_calls // 4)
        self.folder = Path.cwd() / FOLDER / f'{time.strftime("%Y%m%d-%H%M%S")}-{os.getpid()}'
        make_folder(self.folder)
        self._jobs: dict[int, Any] = {}
        self._executor = submitit.SlurmExecutor(folder=self.folder)
        self._executor.update_parameters(
            partition=partition, job_name=f'sparse3d {title}'.replace(' ', '_'),
            time=minutes, cpus_per_task=1, ntasks_per_node=1,
            array_parallelism=self.max_calls, use_srun=False, setup=_one_thread())

    def __enter__(self) -> SlurmPieces:
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        if self._jobs:  # all at once: a controller that is gone lets every question wait
            with suppress(subprocess.TimeoutExpired):
                subprocess.run(['scancel', *_arrays(self._jobs.values())], capture_output=True,
                               timeout=_LAST_WORDS)
        if kind is None:
            shutil.rmtree(self.folder, ignore_errors=True)
            try:
                self.folder.parent.rmdir()
            except OSError:  # of another run beside this one
                pass

    def submit(self, calls: Mapping[int, Callable[[], Any]]) -> None:
        """Give out calls, by number.

        Raises:
            DataError: if Slurm takes no job, in its own words.
        """
        import submitit
        numbers = list(calls)
        try:
            with self._executor.batch():
                jobs = [self._executor.submit(_result_or_raised, calls[number])
                        for number in numbers]
        except (submitit.core.utils.FailedJobError, subprocess.CalledProcessError) as error:
            lines = [line for line in str(error).splitlines() if 'error' in line.lower()]
            raise DataError(f'Slurm takes no job for the partition {self.partition}: '
                            f'{(lines or str(error).splitlines())[-1].strip()}') from error
        self._jobs = dict(zip(numbers, jobs, strict=True))

    def wait(self) -> Iterator[tuple[int, Any]]:
        """Numbers and results, as they come.

        Raises:
            DataError: if Slurm does not answer any more and no job ends.
        """
        gone: dict[int, float] = {}
        asked = answered = time.monotonic()
        while self._jobs:
            for number, job in list(self._jobs.items()):
                if job.paths.result_pickle.exists():
                    del self._jobs[number]
                    yield number, _outcome(job)
                    answered = time.monotonic()
                elif number in gone and time.monotonic() - gone[number] > _GRACE:
                    del self._jobs[number]
                    yield number, LostPiece(f'job {job.job_id} of Slurm ended without a result; '
                                            f'{_last_line(job)}')
            if time.monotonic() - asked >= _ASK_EVERY:
                asked, there = time.monotonic(), _jobs_of_slurm(self._jobs.values())
                gone = {number: gone.get(number, asked) for number, job in self._jobs.items()
                        if there is not None and job.job_id not in there}
                answered = answered if there is None else time.monotonic()
            if time.monotonic() - answered > NO_ANSWER:
                raise DataError(f'Slurm has not answered for {NO_ANSWER:g} s, and no job ended; '
                                f'run the command again to continue when "sinfo" answers')
            time.sleep(0.2)


def _result_or_raised(call: Callable[[], Any]) -> Any:
    """An exception comes back as it is; submitit would send its text alone."""
    try:
        return call()
    except Exception as error:
        return _Raised(error)


class _Raised:
    def __init__(self, error: Exception) -> None:
        self.error = error


def _outcome(job: Any) -> Any:
    import submitit
    try:
        result = job.result()
    except submitit.core.utils.FailedJobError as error:  # before our code was reached
        raise DataError(f'job {job.job_id} of Slurm could not begin: '
                        f'{[line for line in str(error).splitlines() if line.strip("- ")][-2]}'
                        ) from error
    if isinstance(result, _Raised):
        raise result.error
    return result


def _last_line(job: Any) -> str:
    text = (job.stderr() or '').strip()
    return text.splitlines()[-1] if text else 'it was cancelled or killed'


def _jobs_of_slurm(jobs: Any) -> set[str] | None:
    """Those that wait or run; None where Slurm does not answer now."""
    done = subprocess.run(['squeue', '--noheader', '--array', '--format=%i',
                           f'--jobs={",".join(_arrays(jobs))}'], capture_output=True, text=True)
    if done.returncode and 'Invalid job id' in done.stderr:
        return set()  # all of them ended a while ago
    return None if done.returncode else set(done.stdout.split())


def _arrays(jobs: Any) -> list[str]:
    return sorted({job.job_id.split('_')[0] for job in jobs})


def _one_thread() -> list[str]:
    return [f'export {name}=1' for name in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS',
                                            'MKL_NUM_THREADS')]


def _minutes_of(partition: str) -> int:
    """How long a job may take there, a day at most.

    Raises:
        DataError: if there is no such partition, or Slurm does not answer.
    """
    asked = subprocess.run(['sinfo', '--noheader', '--format=%R %l'], capture_output=True,
                           text=True)
    if asked.returncode:
        raise DataError(f'Slurm does not answer: {asked.stderr.strip().splitlines()[-1]}')
    limits = dict(line.split(maxsplit=1) for line in asked.stdout.splitlines())
    if partition not in limits:
        raise DataError(f'Slurm has no partition {partition}; it has '
                        f'{", ".join(limits) or "none"}')
    found = re.fullmatch(r'(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)', limits[partition].strip())
    if found is None:  # infinite
        return MINUTES
    days, hours, minutes, _ = (int(number or 0) for number in found.groups())
    return min(MINUTES, max(1, (24 * days + hours) * 60 + minutes))


def _most_jobs() -> int:
    """How many jobs an array may have."""
    asked = subprocess.run(['scontrol', 'show', 'config'], capture_output=True, text=True)
    found = re.search(r'^MaxArraySize\s*=\s*(\d+)', asked.stdout, re.MULTILINE)
    return max(1, min(MAX_JOBS, int(found[1]) - 1)) if found else MAX_JOBS // 4
