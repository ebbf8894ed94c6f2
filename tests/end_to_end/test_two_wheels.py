"""A plug-in and a data set of somebody else, as wheels, used from an empty folder.

Their sources are docs/examples/; docs/adding_a_plug_in.md and docs/adding_a_data_set.md explain
them, and their commands are run here in the order of the pages. A third wheel, whose import
raises, is there all the time and disturbs nothing.
"""
from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

from commands_of_page import commands_of
from installed import ROOT, Shell, build_wheel, install, make_environment

EXAMPLES = ROOT / 'docs/examples'
PLUG_IN_PAGE, DATA_SET_PAGE = ROOT / 'docs/adding_a_plug_in.md', ROOT / 'docs/adding_a_data_set.md'
CONFIG = 'squeezed_simulated_kitti_car'
# What makes a command of the pages short: verb -> options added at its end.
FEW_FRAMES = {
    'simulate kitti': '--frames 5 --val-fraction 0.4 --azimuths 500 --workers 1',
    'simulate parking_lot': '--frames 5',
    'create-data kitti': '--workers 1',
    'train': '--epochs 1 --cfg-options train_dataloader.num_workers=0 '
             'val_dataloader.num_workers=0 default_hooks.validate_first=None',
    'test': '--cfg-options test_dataloader.num_workers=0',
    'compare': '--seeds 0 --cfg-options train_dataloader.num_workers=0 train_cfg.max_epochs=1 '
               'val_dataloader.num_workers=0 test_dataloader.num_workers=0 '
               'default_hooks.validate_first=None param_scheduler.0.total_steps=1',
    'visualize': '--frames 1',
    'benchmark': '--repeats 1',
}
SMALL_PYPROJECT = """
[build-system]
requires = ["setuptools>=64"]
build-backend = "setuptools.build_meta"
[project]
name = "{name}"
version = "0.1"
[project.entry-points."sparse3d.plugins"]
{module} = "{module}:plugin"
[tool.setuptools]
py-modules = ["{module}"]
"""
TWIN = "from sparse3d.plugins import Plugin\nplugin = Plugin(name='squeezed', modules=())\n"
# The authors' names for the weights of a training.
PUBLISH = f"""
import torch
from sparse3d.checkpoints.open import open_checkpoint
state = open_checkpoint('work_dirs/{CONFIG}/epoch_1.pth').weights
names = {{'squeeze.excite.0.': 'se.reduce.', 'squeeze.excite.2.': 'se.expand.'}}
def published(name):
    return next((old + name.removeprefix(new) for new, old in names.items()
                 if name.startswith(new)), name)
torch.save({{'model_state': {{published(name): value for name, value in state.items()}}}},
           'published.pth')
"""


def example_wheel(name: str, folder: Path) -> Path:
    """The wheel of an example, built from a copy."""
    shutil.copytree(EXAMPLES / name, folder / name,
                    ignore=shutil.ignore_patterns('__pycache__', '*.egg-info', 'build'))
    return build_wheel(folder / name, folder / f'{name}_wheel')


def small_wheel(name: str, source: str, folder: Path) -> Path:
    """A distribution of one module with a plug-in."""
    module = name.replace('-', '_')
    (folder / name).mkdir()
    (folder / name / 'pyproject.toml').write_text(SMALL_PYPROJECT.format(name=name, module=module))
    (folder / name / f'{module}.py').write_text(source)
    return build_wheel(folder / name, folder / f'{name}_wheel')


@pytest.fixture(scope='module')
def run(our_wheel, tmp_path_factory) -> Shell:
    """Runs programs where four wheels are installed, in one folder, empty at first."""
    wheels = tmp_path_factory.mktemp('wheels')
    environment = make_environment(tmp_path_factory.mktemp('environment'), [
        our_wheel, example_wheel('squeezed_detector', wheels),
        example_wheel('parking_lot_data', wheels),
        small_wheel('cracked-detector', 'raise OSError("libcracked.so is absent")\n', wheels)])
    return Shell(environment, tmp_path_factory.mktemp('here'))


def follow(run: Shell, page: Path) -> dict[str, str]:
    """Run the commands of a page in their order; gives what each printed."""
    printed = {}
    for command in commands_of(page):
        program, *words = shlex.split(re.sub(r'epoch_\d+', 'epoch_1', command))
        beginnings = (' '.join(words[:2]), words[0])
        extra = next((FEW_FRAMES[name] for name in beginnings if name in FEW_FRAMES), '')
        if words[0] == 'convert-checkpoint':
            run('python', '-c', PUBLISH)
        printed[command] = run(program, *words, *extra.split())
    return printed


@pytest.mark.slow
def test_a_plug_in_of_somebody_else_does_all_that_its_page_says(run):
    printed = follow(run, PLUG_IN_PAGE)
    text = '\n'.join(printed.values())
    cracked, = (line for line in text.splitlines() if line.startswith('cracked_detector'))
    assert 'cannot be used: OSError: libcracked.so is absent' in cracked
    for expected in (
            'squeezed-detector 0.1: benchmarks, exporters, pictures, convert',
            CONFIG, 'ChannelSqueeze', 'channel_weights', 'squeezed_program',
            'ready to train: ', 'trained 1 epochs', 'metrics',
            'published behavior, applied by itself: model.published.hard_sigmoid=True',
            'weigh a map', 'program and PyTorch differ by'):
        assert expected in text, expected
    assert list((run.here / 'pictures').glob('*_channel_weights.png'))
    assert (run.here / 'squeezed.pt2').is_file()
    verbs = {command.split()[1] for command in printed}
    assert {'list', 'simulate', 'create-data', 'train', 'test', 'convert-checkpoint', 'benchmark',
            'visualize', 'export'} <= verbs


@pytest.mark.slow
def test_a_data_set_of_somebody_else_does_all_that_its_page_says(run):
    printed = follow(run, DATA_SET_PAGE)
    text = '\n'.join(printed.values())
    for expected in ('parking-lot-data 0.1: prepare, check, simulate', 'centerpoint_parking_lot',
                     'ParkingLotDataset', 'simulated frames in data/parking_lot',
                     '4 frames of train, 1 frames of val', 'it is sound', 'ready to train: ',
                     '1 of 1 runs'):
        assert expected in text, expected
    metrics = json.loads((run.here / 'results.json').read_text())['runs'][0]['metrics']
    assert {'parking_lot/count_error', 'boxes/mAP_3D_0.5'} <= set(metrics)
    assert list((run.here / 'found').glob('*_bev.png'))


@pytest.mark.slow
def test_two_plug_ins_of_one_name_are_refused_by_both_names(run, tmp_path):
    install(run.environment, [small_wheel('twin-detector', TWIN, tmp_path)])
    refused = run('sparse3d', 'train', CONFIG, code=2)
    assert 'squeezed-detector 0.1 and twin-detector 0.1 both bring a plug-in called squeezed' \
        in refused and 'Traceback' not in refused
    listed = run('sparse3d', 'list', 'plugins')
    assert 'squeezed-detector 0.1:' in listed and 'twin-detector 0.1:' in listed


@pytest.mark.slow
def test_the_plug_in_passes_its_own_test(run):
    test = EXAMPLES / 'squeezed_detector/test_squeezed.py'
    shutil.copy(test, run.here / test.name)
    assert '3 passed' in run('python', '-m', 'pytest', '-q', test.name)
