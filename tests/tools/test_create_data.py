"""The command line of tools/create_data.py, in this process."""
import runpy
import shutil
from pathlib import Path

import pytest

from sparse3d_cli import main

TOOL = Path(__file__).parents[2] / 'tools' / 'create_data.py'


@pytest.fixture
def run(monkeypatch):
    def call(*arguments):
        monkeypatch.setattr('sys.argv', ['create_data.py', *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(TOOL), run_name='__main__')
        return ended.value.code
    return call


def check(root):
    return main(['check', str(root)])


def test_help_shows_an_example(run, capsys):
    assert run('--help') == 0
    assert 'python tools/create_data.py kitti data/kitti' in capsys.readouterr().out


def test_no_data_set_is_one_sentence_and_status_2(run, capsys, tmp_path):
    assert run('kitti', tmp_path, '--workers', 1) == 2
    error = capsys.readouterr().err
    assert error.startswith('error: ') and 'is not a KITTI data set' in error
    assert 'Traceback' not in error


def test_real_frames_are_prepared_checked_and_then_damaged(run, capsys, real_data_dir, tmp_path):
    assert run('kitti', real_data_dir / 'kitti', '--out', tmp_path, '--all-frames',
               '--workers', 2) == 0
    assert 'frames: train 3, val 3, trainval 3' in capsys.readouterr().out
    assert check(tmp_path) == 0
    assert 'no problems found' in capsys.readouterr().out
    shutil.rmtree(tmp_path / 'training/velodyne_reduced')
    assert check(tmp_path) == 1
    assert 'PROBLEM 3 point clouds of train are unusable' in capsys.readouterr().out


def test_nuscenes_is_prepared_and_checked(run, capsys, tmp_path):
    from sparse3d.datasets.nuscenes.simulate import NuScenesOptions, simulate_nuscenes
    options = NuScenesOptions(seconds=1, image_width=16, lidar_rate=4, azimuths=40)
    simulate_nuscenes(tmp_path, 2, options=options, show_progress=False)
    root = tmp_path
    assert run('nuscenes', root, '--no-cameras', '--no-database', '--lidar-sweeps', 3,
               '--workers', 1) == 0
    assert 'frames: train 2, val 2' in capsys.readouterr().out
    assert check(root) == 0
    assert 'no problems found' in capsys.readouterr().out
    assert run('upgrade', root / 'nuscenes_infos_val.pkl') == 2
    assert 'is not an info file, written by mmdet3d before 1.1' in capsys.readouterr().err
    assert run('nuscenes', root, '--merge') == 2
    assert 'holds no parts to merge' in capsys.readouterr().err
