"""A real Slurm of one machine runs pieces of work; a job that is killed costs its piece."""
from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from one_machine_slurm import one_machine_slurm
from slow_pieces import dies_at_two, write_slowly
from sparse3d.datasets.waymo.simulate import WaymoOptions, simulate_waymo
from sparse3d.errors import BackendUnavailable, DataError
from sparse3d.parallel import cluster as on_cluster
from sparse3d.parallel import slurm_cluster
from sparse3d.parallel.executors import Cluster
from sparse3d.parallel.pool import run_parallel

pytest.importorskip('submitit', reason='the extra slurm (submitit) is not installed')


def test_a_machine_without_slurm_is_named(monkeypatch):
    monkeypatch.setenv('PATH', '/nowhere')
    with pytest.raises(BackendUnavailable, match='needs the commands of Slurm'):
        list(run_parallel(abs, [1, 2], Cluster('slurm', 'gpu'), 'numbers'))


def test_a_controller_that_stays_away_ends_the_run_and_all_jobs_are_taken_back_at_once(
        tmp_path, monkeypatch):
    for name, text in (('squeue', 'exit 1'), ('scancel', f'echo "$@" >> {tmp_path}/cancelled')):
        (tmp_path / name).write_text(f'#!/bin/sh\n{text}\n')
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv('PATH', f'{tmp_path}:{os.environ["PATH"]}')
    monkeypatch.setattr(slurm_cluster, 'NO_ANSWER', 0.5)
    monkeypatch.setattr(slurm_cluster, '_ASK_EVERY', 0.1)
    pieces = object.__new__(slurm_cluster.SlurmPieces)
    paths = SimpleNamespace(result_pickle=tmp_path / 'none')
    pieces._jobs = {number: SimpleNamespace(job_id=f'7_{number}', paths=paths)
                    for number in range(3)}
    with pytest.raises(DataError, match='Slurm has not answered for 0.5 s'), pieces:
        list(pieces.wait())
    assert (tmp_path / 'cancelled').read_text() == '7\n'


def _files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob('*') if path.is_file()}


@pytest.mark.slow
def test_jobs_of_slurm_do_the_pieces_and_a_killed_one_is_given_out_again(tmp_path, monkeypatch):
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join(filter(None, sys.path)))
    monkeypatch.setattr(slurm_cluster, '_ASK_EVERY', 1.0)
    monkeypatch.setattr(slurm_cluster, '_GRACE', 2.0)
    home, out = tmp_path / 'home', tmp_path / 'out'
    home.mkdir(), out.mkdir()
    with one_machine_slurm(home, monkeypatch) as partition:
        monkeypatch.chdir(out)
        with pytest.raises(DataError, match='Slurm has no partition night; it has tests'):
            list(run_parallel(abs, [1, 2], Cluster('slurm', 'night'), 'numbers'))

        def cancel_one():
            while not (begun := list(out.glob('begun-*'))):
                time.sleep(0.02)
            process = begun[0].name.split('-')[2]
            subprocess.run(['kill', '-9', process], check=True)

        killer = threading.Thread(target=cancel_one)
        killer.start()
        results = list(run_parallel(partial(write_slowly, Path('.')), range(5),
                                    Cluster('slurm', partition), 'numbers'))
        killer.join()
        assert str(results.pop(3)) == 'three is damaged' and results == [0, 1, 4, 16]
        assert sorted(path.name for path in out.glob('[0-9].txt')) == ['0.txt', '1.txt', '2.txt',
                                                                       '4.txt']
        begun = [path.name.split('-')[1] for path in out.glob('begun-*')]
        assert len(begun) == len(set(begun)) + 1, 'a piece ran twice'
        assert not (out / slurm_cluster.FOLDER).exists()

        monkeypatch.setattr(on_cluster, 'TRIES', 1)
        results = list(run_parallel(dies_at_two, [1, 2], Cluster('slurm', partition), 'numbers'))
        assert results[0] == 1 and '2: its worker died' in str(results[1])


@pytest.mark.slow
def test_drives_of_slurm_are_those_of_one_process_bit_for_bit(tmp_path, monkeypatch):
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join(filter(None, sys.path)))
    home = tmp_path / 'home'
    home.mkdir()
    options = WaymoOptions(seconds=.2, columns=60, image_width=32, val_fraction=.5)
    simulate_waymo(tmp_path / 'one', 2, seed=3, options=options, show_progress=False)
    with one_machine_slurm(home, monkeypatch) as partition:
        monkeypatch.chdir(tmp_path)
        simulate_waymo(tmp_path / 'two', 2, seed=3, workers=Cluster('slurm', partition),
                       options=options, show_progress=False)
    assert len(_files(tmp_path / 'one')) > 2
    assert _files(tmp_path / 'one') == _files(tmp_path / 'two')
