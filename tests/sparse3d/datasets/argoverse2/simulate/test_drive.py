"""Simulated logs: the official layout, the same bytes again, and that our reader prepares them."""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.feather as feather
import pytest

from sparse3d.datasets.argoverse2.check import check_argoverse2
from sparse3d.datasets.argoverse2.evaluate.map_rasters import read_region
from sparse3d.datasets.argoverse2.poses import read_poses
from sparse3d.datasets.argoverse2.prepare import prepare_argoverse2
from sparse3d.datasets.argoverse2.simulate import Argoverse2Options
from sparse3d.datasets.argoverse2.simulate.drive import (
    log_folder,
    log_name,
    simulate_argoverse2,
    split_of,
)
from sparse3d.errors import DataError
from sparse3d.transforms.info_files import read_info_file

SMALL = Argoverse2Options(sweeps=2, azimuths=240, image_width=32)


@pytest.fixture(scope='module')
def drive(tmp_path_factory) -> Path:
    """One small log."""
    root = tmp_path_factory.mktemp('simulated') / 'argoverse2'
    simulate_argoverse2(root, 1, seed=3, options=SMALL, show_progress=False)
    return root


def test_the_layout_and_its_types(drive):
    log = log_folder(drive, 3, 0)
    assert log.parent.name == 'train' and log.name == log_name(3, 0)
    sweeps = sorted((log / 'sensors/lidar').iterdir())
    assert len(sweeps) == 2 and len(list((log / 'sensors/cameras').glob('*/*.jpg'))) == 14
    schema = feather.read_table(str(sweeps[0])).schema
    assert [str(schema.field(name).type) for name in ('x', 'intensity', 'laser_number',
                                                      'offset_ns')] == \
        ['halffloat', 'uint8', 'uint8', 'int32']
    table = feather.read_table(str(sweeps[0])).to_pydict()
    assert (np.diff(table['offset_ns']) >= 0).all() and 0 < min(table['offset_ns'])
    assert {0, 63} <= set(table['laser_number']) and not {17, 31, 36} & set(table['laser_number'])
    assert read_poses(log).has([int(path.stem) for path in sweeps]).all()
    names = sorted(path.name for path in (log / 'map').iterdir())
    assert len(names) == 3 and '____PIT' in names[1]
    sim2 = json.loads((log / f'map/{log.name}___img_Sim2_city.json').read_text())
    ground = np.load(next((log / 'map').glob('*.npy')))
    where = (read_poses(log).matrices[0, :2, 3] + sim2['t']) * sim2['s']
    height = ground[int(where[1]), int(where[0])]
    assert read_poses(log).matrices[0, 2, 3] - height == pytest.approx(0.33, abs=0.1)
    assert read_region(log).contains(read_poses(log).matrices[:, :3, 3]).all()


def test_our_reader_prepares_it(drive, tmp_path):
    report = prepare_argoverse2(drive, tmp_path)
    assert report.frames == dict(train=2) and not report.notes and not report.damaged
    checked = check_argoverse2(tmp_path)
    assert checked.ok, str(checked)
    assert 'boxes hold 1.00 of the points' in str(checked)
    entry = read_info_file(tmp_path / 'argoverse2_infos_train.pkl', 'argoverse2')['data_list'][1]
    assert entry['images'].keys() >= {'ring_front_center', 'ring_rear_left'}
    items = entry['instances']
    assert len(items) > 5 and sum(item['num_lidar_pts'] > 0 for item in items) > 5


def test_the_same_bytes_again_and_going_on(drive, tmp_path):
    simulate_argoverse2(tmp_path, 1, seed=3, options=SMALL, show_progress=False)
    files = {path.relative_to(drive): path.read_bytes() for path in drive.rglob('*.feather')}
    assert files
    assert files == {path.relative_to(tmp_path): path.read_bytes()
                     for path in tmp_path.rglob('*.feather')}
    with pytest.raises(DataError, match='holds another simulation'):
        simulate_argoverse2(tmp_path, 1, seed=4, options=SMALL, show_progress=False)


def test_a_street_of_long_reach(tmp_path):
    options = Argoverse2Options(sweeps=1, azimuths=120, reach=200)
    simulate_argoverse2(tmp_path, 1, seed=3, options=options, show_progress=False)
    log = log_folder(tmp_path, 3, 0)
    sweep = feather.read_table(str(next((log / 'sensors/lidar').iterdir()))).to_pydict()
    labels = feather.read_table(str(log / 'annotations.feather')).to_pydict()
    away = np.hypot(labels['tx_m'], labels['ty_m'])
    assert np.hypot(sweep['x'], sweep['y']).max() > 180 and (away > 120).any()
    assert np.hypot(*read_region(log).cells.shape) > 3900     # cells of 0.1 m
    assert json.loads((tmp_path / 'simulation.json').read_text())['options']['reach'] == 200
    assert 'reach' not in SMALL.stamp()
    with pytest.raises(DataError, match='reach is 300'):
        Argoverse2Options(reach=300)


def test_every_fourth_validates_and_options_have_limits():
    assert [split_of(number) for number in range(5)] == ['train', 'train', 'train', 'val', 'train']
    with pytest.raises(DataError, match='sweep_rate is 20'):
        Argoverse2Options(sweep_rate=20)
    with pytest.raises(DataError, match='num_logs 0'):
        simulate_argoverse2('nowhere', 0)
