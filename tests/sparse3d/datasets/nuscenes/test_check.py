"""The checker on good and bad nuScenes folders, and the upgrade of old info files."""
from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from old_info_files import as_old_nuscenes, old_boxes
from sparse3d.apis.upgrade import upgrades
from sparse3d.datasets.nuscenes.check import check_nuscenes
from sparse3d.datasets.nuscenes.prepare import prepare_nuscenes
from sparse3d.errors import DataError
from sparse3d.preparation.info_upgrade import upgrade_info_file
from sparse3d.transforms.info_files import (
    read_info_file,
    read_plain_file,
    write_info_file,
    write_plain_file,
)

NAME = 'nuscenes_infos_train.pkl'


@pytest.fixture(scope='module')
def prepared(simulated_nuscenes, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp('checked') / 'nuscenes'
    prepare_nuscenes(simulated_nuscenes, out=out)
    return out


@pytest.fixture
def root(prepared, tmp_path) -> Path:
    """A copy of the info files, with links to the rest."""
    for path in prepared.iterdir():
        if path.is_dir():
            (tmp_path / path.name).symlink_to(path.resolve(), target_is_directory=True)
        else:
            shutil.copy(path, tmp_path)
    return tmp_path


def change(root: Path, function) -> None:
    info = read_info_file(root / NAME, 'nuscenes')
    for entry in info['data_list']:
        function(entry)
    write_info_file(root / NAME, info['metainfo'], info['data_list'])


def each_object(function):
    return lambda entry: [function(item) for item in entry['instances']]


def test_a_good_folder(root):
    report = check_nuscenes(root)
    assert report.ok, report
    text = str(report)
    assert 'train: 5 samples of 1 scene(s)' in text and 'of unknown velocity' in text
    assert 'hold 1.0' in text and 'ground-truth database: ' in text


def turned(item):
    item['bbox_3d'][6] += np.pi / 2


def microseconds(entry):
    for sweep in entry.get('lidar_sweeps', ()):
        sweep['timestamp'] *= 1e6


def mirrored(entry):
    entry['images']['CAM_BACK']['lidar2cam'][0] = [
        -value for value in entry['images']['CAM_BACK']['lidar2cam'][0]]


def exchanged(entry):
    images = entry['images']
    front, back = images['CAM_FRONT'], images['CAM_BACK']
    front['lidar2cam'], back['lidar2cam'] = back['lidar2cam'], front['lidar2cam']


def lost(entry):
    entry['lidar_points']['lidar_path'] = 'lost.bin'
    entry['images']['CAM_FRONT']['img_path'] = 'lost.jpg'


@pytest.mark.parametrize(('damage', 'messages'), [
    (each_object(old_boxes), ['wider than long', 'do not point where they drive']),
    (each_object(turned), ['do not point where they drive', 'other points than recorded']),
    (each_object(lambda item: item['bbox_3d'].__setitem__(4, -1)), ['impossible sizes']),
    (each_object(lambda item: item.__setitem__('velocity', [900., 0])), ['impossible sizes']),
    (microseconds, ['sweeps that are not from the two seconds before']),
    (mirrored, ['poses that are no rotation']),
    (exchanged, ['look elsewhere than their calibration says']),
    (lost, ['2 files of train are missing: samples/CAM_FRONT/lost.jpg']),
    (each_object(lambda item: item['bbox_3d'].__setitem__(2, 30)), ['project outside all'])],
    ids=['mmdet3d 0.x', 'turned', 'size', 'speed', 'microseconds', 'mirror', 'exchanged', 'lost',
         'frame'])
def test_each_kind_of_damage_is_named(root, damage, messages):
    change(root, damage)
    report = check_nuscenes(root, min_moving=5)  # a small data set
    for message in messages:
        assert any(message in problem for problem in report.problems), report


def test_damaged_files_and_parts(root, simulated_nuscenes):
    (root / NAME).rename(root / 'nuscenes_infos_train.part-1-of-2.pkl')
    path = root / 'nuscenes_infos_val.pkl'
    path.write_bytes(path.read_bytes()[:-1])
    (root / 'nuscenes_dbinfos_train.pkl').write_bytes(b'?')
    problems = ' '.join(check_nuscenes(root).problems)
    assert 'is a part' in problems and 'is damaged' in problems and 'is unusable' in problems


@pytest.mark.parametrize('old_convention', [True, False], ids=['0.x', '1.0'])
def test_an_old_file_is_recognized_and_upgraded(root, old_convention):
    info = read_info_file(root / NAME, 'nuscenes')
    write_plain_file(root / NAME, as_old_nuscenes(info, old_convention))
    with pytest.raises(DataError, match='create-data upgrade'):
        read_info_file(root / NAME, 'nuscenes')
    assert any(problem.startswith(f'{root / NAME} was written') and 'create-data upgrade' in problem
               for problem in check_nuscenes(root).problems)
    said = upgrade_info_file(root / NAME, upgrades())
    assert ('turned' in said) == old_convention and (root / f'{NAME}.old').is_file()
    upgraded = read_info_file(root / NAME, 'nuscenes')
    assert upgraded['metainfo']['version'] == 'v1.0-mini'
    for new, entry in zip(upgraded['data_list'], info['data_list'], strict=True):
        assert new['token'] == entry['token'] and new['timestamp'] == entry['timestamp']
        for item, expected in zip(new['instances'], entry['instances'], strict=True):
            np.testing.assert_allclose(item['bbox_3d'][:6], expected['bbox_3d'][:6])
            difference = item['bbox_3d'][6] - expected['bbox_3d'][6]
            assert abs(np.angle(np.exp(1j * difference))) < 1e-9
            assert item['bbox_label_3d'] == expected['bbox_label_3d']
            np.testing.assert_array_equal(item['velocity'], expected['velocity'])
        for sweep, expected in zip(new.get('lidar_sweeps', ()), entry.get('lidar_sweeps', ()),
                                   strict=True):
            np.testing.assert_allclose(sweep['lidar_points']['lidar2sensor'],
                                       expected['lidar_points']['lidar2sensor'], atol=1e-6)
            assert sweep['lidar_points']['lidar_path'] == expected['lidar_points']['lidar_path']
        for camera, image in new['images'].items():
            np.testing.assert_allclose(image['lidar2cam'], entry['images'][camera]['lidar2cam'],
                                       atol=1e-6)
    report = check_nuscenes(root)
    assert not report.problems, report
    assert 'serves models of a single frame' in str(report)


def test_what_cannot_be_upgraded(root):
    with pytest.raises(DataError, match='is not an info file, written by mmdet3d before 1.1'):
        upgrade_info_file(root / NAME, upgrades())
    old = as_old_nuscenes(read_info_file(root / NAME, 'nuscenes'), True)
    for info in old['infos']:
        info['gt_names'] = np.array(['pedestrian'] * len(info['gt_names']))
    write_plain_file(root / NAME, old)
    with pytest.raises(DataError, match='too few vehicles to tell'):
        upgrade_info_file(root / NAME, upgrades())
    assert read_plain_file(root / NAME).keys() == old.keys()  # the file stays
    del old['infos'][0]['cams']['CAM_BACK']['cam_intrinsic']
    old['infos'][0]['gt_names'][:] = 'car'
    write_plain_file(root / NAME, old)
    with pytest.raises(DataError, match='sample 0 of .* is damaged'):
        upgrade_info_file(root / NAME, upgrades())
