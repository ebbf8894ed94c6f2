"""The wheel in an environment of its own, used from an empty folder as a user does."""
from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest

from installed import Shell, make_environment
from sparse3d_cli.list import KINDS

ROOT = Path(__file__).resolve().parents[2]
CONFIG = 'focalsconv_centerpoint_simulated_kitti_car'
CHECKPOINT = f'work_dirs/{CONFIG}/epoch_1.pth'
CLOUD = 'data/simulated_kitti/training/velodyne/000000.bin'
NO_WORKERS = 'train_dataloader.num_workers=0'
# What a reader puts in place of the README's words.
READ = {"'sweep.bin'": f"'{CLOUD}'"}


def five_lines() -> str:
    """Those of the README, as a reader writes them here."""
    page = (ROOT / 'README.md').read_text().partition('in five lines\n\n')[2]
    lines = [line.removeprefix('    ') for line in page.splitlines()[:5]]
    assert lines[0] == 'from sparse3d.apis import load_detector' and lines[4].startswith('print(')
    text = '\n'.join(lines)
    for word, here in READ.items():
        assert word in text
        text = text.replace(word, here)
    return text


# A checkpoint that knows its config, as a training leaves it; nobody trained it.
WEIGHTS = '''
import torch
from sparse3d.apis import build_model, load_config
model = build_model(load_config('centerpoint_simulated_nuscenes'))
torch.save({'state_dict': model.state_dict(),
            'meta': {'config': 'centerpoint_simulated_nuscenes'}}, 'model.pth')
'''
# After the five lines: the checkpoint alone, another model by its bare name, configs that inherit.
SNIPPET = f"""

detector = load_detector('{CONFIG}', '{CHECKPOINT}')
detections = detector('{CLOUD}', score_threshold=0.01)
alone = load_detector('{CHECKPOINT}')
again = alone('{CLOUD}', score_threshold=0.01)
assert len(again.scores) and np.array_equal(again.boxes_3d, detections.boxes_3d)
assert again.names == detections.names and alone.samples.names == detector.samples.names

cameras = load_detector('sparsebev_r50_nuscenes')
assert (cameras.samples.views, cameras.samples.frames) == (6, 8)

from mmengine.config import Config
import pathlib
pathlib.Path('mine.py').write_text("_base_ = ['sparse3d::focalsconv/{CONFIG}.py']\\nmine = 1\\n")
assert Config.fromfile('mine.py').model.type == load_detector.__globals__['Config'].fromfile(
    'mine.py').model.type
import sparse3d
assert 'site-packages' in sparse3d.__file__, sparse3d.__file__
print('all held')
"""


@pytest.fixture(scope='module')
def run(our_wheel, tmp_path_factory) -> Shell:
    """Runs programs in an environment with our wheel alone, in one folder, empty at first."""
    environment = make_environment(tmp_path_factory.mktemp('environment'), [our_wheel])
    return Shell(environment, tmp_path_factory.mktemp('here'))


@pytest.mark.slow
def test_the_wheel_has_all_that_is_needed_and_no_more(our_wheel):
    names = zipfile.ZipFile(our_wheel).namelist()
    configs = {str(path.relative_to(ROOT / 'configs')) for path in (ROOT / 'configs').rglob('*.py')}
    assert {name.removeprefix('sparse3d_configs/') for name in names
            if name.startswith('sparse3d_configs/')} == configs
    assert {'sparse3d/py.typed', 'sparse3d/__main__.py', 'sparse3d_benchmarks/run.py',
            'sparse3d_cli/train.py'} <= set(names)
    folders = {name.split('/')[0] for name in names}
    packages = {path.parent.name for path in ROOT.glob('projects/*/__init__.py')}
    assert folders == packages | {'sparse3d_perception-0.2.0.dist-info'}


@pytest.mark.slow
def test_what_fails_or_only_looks_creates_nothing(run):
    assert 'BROKEN' not in run('sparse3d', 'doctor')
    for kind in KINDS:
        assert re.search(rf'(?m)^\d+ {kind}$', run('sparse3d', 'list', kind))
    assert CONFIG in run('sparse3d', 'list', 'configs', 'focalsconv', 'simulated')
    assert 'data/simulated_kitti' in run('sparse3d', 'train', CONFIG, code=2)
    assert 'data/simulated_kitti' in run('sparse3d', 'train', CONFIG, '--dry-run', code=2)
    assert 'no config' in run('sparse3d', 'train', 'no_such_config', code=2)
    assert 'absent.pth does not exist' in run('sparse3d', 'test', CONFIG, 'absent.pth', code=2)
    assert 'absent holds no info file' in run('sparse3d', 'check', 'absent', code=2)
    assert run('sparse3d', '--version').strip() == '0.2.0'
    assert list(run.here.iterdir()) == []


@pytest.mark.slow
def test_from_an_empty_folder_to_detections(run):
    run('sparse3d', 'simulate', 'kitti', 'data/simulated_kitti', '--frames', '4',
        '--frames-per-drive', '1', '--azimuths', '500', '--workers', '1')
    run('sparse3d', 'create-data', 'kitti', 'data/simulated_kitti', '--workers', '1')
    assert 'it is sound' in run('sparse3d', 'check', 'data/simulated_kitti')
    short = ('--epochs', '1', '--cfg-options', 'train_dataloader.batch_size=2', NO_WORKERS,
             'val_dataloader.num_workers=0', 'default_hooks.validate_first=None')
    assert 'in 2 batches' in run('sparse3d', 'train', CONFIG, '--dry-run', *short)
    assert not (run.here / 'work_dirs').exists()
    run('python', '-m', 'sparse3d', 'train', CONFIG, *short)
    assert (run.here / CHECKPOINT).is_file()
    assert 'metrics' in run('sparse3d', 'test', CONFIG, CHECKPOINT, '--cfg-options',
                            'test_dataloader.num_workers=0')
    assert '1 clouds' in run('sparse3d', 'detect', CONFIG, CHECKPOINT, CLOUD)
    run('sparse3d', 'visualize', CONFIG, CHECKPOINT, '--frames', '1')
    assert any((run.here / 'pictures').iterdir())
    (run.here / 'five_lines.py').write_text(five_lines() + SNIPPET)
    assert 'all held' in run('python', 'five_lines.py')


@pytest.mark.slow
def test_two_commands_from_nothing_to_a_recording_with_boxes_and_tracks(run):
    for name in ('mcap', 'rosbags'):
        pytest.importorskip(name, reason=f'{name} is not installed (extra recordings)')
    run('python', '-c', WEIGHTS)
    run('sparse3d', 'simulate', 'mcap', 'drive.mcap', '--seconds', '1', '--azimuths', '120',
        '--lidar-rate', '4', '--image-width', '64')
    said = run('sparse3d', 'detect', 'model.pth', 'drive.mcap', '--out', 'boxes.mcap', '--track',
               'greedy', '--score-threshold', '0', '--cfg-options',
               'model.bbox_head.bbox_coder.score_threshold=0.0',
               'model.bbox_head.test_cfg.score_threshold=0.0')
    found = re.search(r'(\d+) boxes of (\d+) tracks in 3 moments', said)
    assert found and min(map(int, found.groups())) > 0, said
    listed = run('sparse3d', 'recording', 'boxes.mcap')
    for topic in ('detections', 'scene', 'tracks', 'track_scene'):
        assert re.search(rf'(?m)^/sparse3d/{topic} +3 ', listed)
