"""Logs to info files: frames, velocities, sweeps, pictures, and what is refused or counted."""
from __future__ import annotations

import numpy as np
import pytest

from argoverse2_logs import (
    CAR_IN_CITY,
    CAR_SIZE,
    CITY_YAW,
    LOG,
    START,
    STEP,
    ego_of,
    rewrite,
    time_of,
    to_vehicle,
    write_log,
)
from sparse3d.datasets.argoverse2.categories import CLASSES
from sparse3d.datasets.argoverse2.prepare import Argoverse2Preparation, prepare_argoverse2
from sparse3d.errors import DataError
from sparse3d.transforms.info_files import read_info_file, read_plain_file


def entries_of(root, split='val'):
    return read_info_file(root / f'argoverse2_infos_{split}.pkl', 'argoverse2')['data_list']


def test_entries(tmp_path):
    write_log(tmp_path)
    report = prepare_argoverse2(tmp_path)
    entries = entries_of(tmp_path)
    assert report.frames == dict(val=4) and len(entries) == 4
    entry = entries[2]
    assert (entry['log_id'], entry['timestamp_ns'], entry['sample_idx']) == (LOG, time_of(2), 2)
    car, walker = entry['instances']
    place = to_vehicle(CAR_IN_CITY, 2) - [0, 0, CAR_SIZE[2] / 2]
    np.testing.assert_allclose(car['bbox_3d'], [*place, *CAR_SIZE, CITY_YAW - ego_of(2)[1]])
    assert car['bbox_label_3d'] == CLASSES.index('REGULAR_VEHICLE') and car['num_lidar_pts'] == 8
    np.testing.assert_allclose(car['velocity'], [0, 0], atol=1e-9)
    yaw = ego_of(2)[1]
    np.testing.assert_allclose(walker['velocity'], [1.5 * np.sin(yaw), 1.5 * np.cos(yaw)])
    assert [sweep['timestamp_ns'] for sweep in entry['lidar_sweeps']] == [time_of(1), time_of(0)]
    assert '1 logs without pictures' in str(report)


def test_a_picture_is_projected_at_its_own_time(tmp_path):
    write_log(tmp_path, cameras=True)
    prepare_argoverse2(tmp_path)
    image = entries_of(tmp_path)[1]['images']['ring_front_left']
    assert image['timestamp'] == pytest.approx((START + 1.5 * STEP) * 1e-9) or \
        image['timestamp'] == pytest.approx((START + 0.5 * STEP) * 1e-9)
    row = round((image['timestamp'] * 1e9 - START) / STEP * 2) / 2
    assert row in (0.5, 1.5)
    there = to_vehicle(CAR_IN_CITY, row) - [1.5, 0, 1.4]
    expected = [-there[1], -there[2], there[0]]     # x right, y down, z forward
    seen = np.array(image['lidar2cam']) @ [*to_vehicle(CAR_IN_CITY, 1), 1]
    np.testing.assert_allclose(seen[:3], expected, atol=1e-6)
    assert (image['height'], image['width']) == (40, 60)


def test_no_pictures_wanted(tmp_path):
    write_log(tmp_path, cameras=True)
    prepare_argoverse2(tmp_path, options=Argoverse2Preparation(cameras=False))
    assert entries_of(tmp_path)[1]['images'] == {}


def test_the_test_split_has_no_labels(tmp_path):
    write_log(tmp_path, split='test')
    report = prepare_argoverse2(tmp_path)
    assert report.frames == dict(test=4) and 'instances' not in entries_of(tmp_path, 'test')[0]


def test_elsewhere_with_a_database(tmp_path):
    write_log(tmp_path / 'raw', split='train')
    report = prepare_argoverse2(tmp_path / 'raw', tmp_path / 'out',
                                options=Argoverse2Preparation(database_interval=2))
    assert report.objects == dict(REGULAR_VEHICLE=2)
    index = read_plain_file(tmp_path / 'out' / 'argoverse2_dbinfos_train.pkl')
    points = np.fromfile(tmp_path / 'out' / index['REGULAR_VEHICLE'][1]['path'], np.float32)
    assert points.reshape(-1, 4)[:, 3].tolist() == list(range(8))
    path = entries_of(tmp_path / 'out', 'train')[0]['lidar_points']['lidar_path']
    assert (tmp_path / 'out' / path).is_file()


def test_labels_that_count_no_points_are_counted(tmp_path):
    log = write_log(tmp_path)
    rewrite(log / 'annotations.feather', lambda columns: {
        name: values for name, values in columns.items() if name != 'num_interior_pts'})
    prepare_argoverse2(tmp_path)
    assert [item['num_lidar_pts'] for item in entries_of(tmp_path)[3]['instances']] == [8, 0]


def test_a_log_of_train_without_labels(tmp_path):
    write_log(tmp_path)
    (write_log(tmp_path, name='b') / 'annotations.feather').unlink()
    with pytest.raises(DataError, match='logs of train and val have labels.*sensor/test'):
        prepare_argoverse2(tmp_path)
    report = prepare_argoverse2(tmp_path, options=Argoverse2Preparation(skip_damaged=True))
    assert report.frames == dict(val=4) and 'log b' in report.damaged[0]


@pytest.mark.parametrize('keep', [0, 100, -20])
def test_a_truncated_sweep(tmp_path, keep):
    path = write_log(tmp_path) / f'sensors/lidar/{time_of(1)}.feather'
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match=f'{time_of(1)}.feather is cut short'):
        prepare_argoverse2(tmp_path)
    report = prepare_argoverse2(tmp_path, options=Argoverse2Preparation(skip_damaged=True))
    assert report.frames == dict(val=3) and len(report.damaged) == 1
    assert len(entries_of(tmp_path)[1]['lidar_sweeps']) == 1


@pytest.mark.parametrize('name', ['annotations', 'city_SE3_egovehicle'])
def test_a_truncated_table(tmp_path, name):
    path = write_log(tmp_path) / f'{name}.feather'
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match=f'{name}.feather is no whole feather file'):
        prepare_argoverse2(tmp_path)


def test_another_class_list(tmp_path):
    log = write_log(tmp_path)
    rewrite(log / 'annotations.feather', lambda columns: dict(columns, category=np.where(
        columns['category'] == 'PEDESTRIAN', 'Pedestrian', columns['category'])))
    with pytest.raises(DataError, match="4 labels of the category 'Pedestrian'.*PEDESTRIAN"):
        prepare_argoverse2(tmp_path)


def test_rows_of_the_vehicle_itself_and_other_categories(tmp_path):
    log = write_log(tmp_path)
    rewrite(log / 'annotations.feather', lambda columns: dict(columns, category=np.where(
        columns['category'] == 'PEDESTRIAN', 'EGO_VEHICLE', 'ANIMAL')))
    report = prepare_argoverse2(tmp_path)
    assert '4 rows of the recording vehicle itself' in report.notes
    assert [item['bbox_label_3d'] for item in entries_of(tmp_path)[0]['instances']] == [-1]


def test_missing_poses_and_sweeps_are_counted(tmp_path):
    log = write_log(tmp_path)
    rewrite(log / 'city_SE3_egovehicle.feather', lambda columns: {
        name: values[columns['timestamp_ns'] != time_of(1)] for name, values in columns.items()})
    (log / f'sensors/lidar/{time_of(3)}.feather').unlink()
    report = prepare_argoverse2(tmp_path)
    assert report.frames == dict(val=2)
    assert '1 sweeps without a pose' in report.notes
    assert '2 labeled frames without a sweep' in report.notes
    assert [sweep['timestamp_ns'] for sweep in entries_of(tmp_path)[1]['lidar_sweeps']] == \
        [time_of(0)]


@pytest.mark.parametrize('name', ['annotations', 'city_SE3_egovehicle'])
@pytest.mark.parametrize('kind', [np.float64, np.str_, 'datetime64[ns]'])
def test_times_that_lose_nanoseconds(tmp_path, name, kind):
    log = write_log(tmp_path)
    rewrite(log / f'{name}.feather', lambda columns: dict(
        columns, timestamp_ns=columns['timestamp_ns'].astype(kind)))
    with pytest.raises(DataError, match=f'{name}.feather has values of type .* in timestamp_ns; '
                                        'they have to be whole numbers .int64.'):
        prepare_argoverse2(tmp_path)


def test_labels_of_other_times(tmp_path):
    log = write_log(tmp_path)
    rewrite(log / 'annotations.feather', lambda columns: dict(
        columns, timestamp_ns=columns['timestamp_ns'] // 1000))
    with pytest.raises(DataError, match='none at the time of a sweep.*not in nanoseconds'):
        prepare_argoverse2(tmp_path)


def doubled(columns, **changes):
    more = {name: values[:1] for name, values in columns.items()} | changes
    return {name: np.concatenate([values, more[name]]) for name, values in columns.items()}


def test_rows_that_stand_there_twice(tmp_path):
    log = write_log(tmp_path)
    rewrite(log / 'annotations.feather', doubled)
    rewrite(log / 'city_SE3_egovehicle.feather', doubled)
    report = prepare_argoverse2(tmp_path)
    assert '1 labels that stood there twice' in report.notes
    assert len(entries_of(tmp_path)[0]['instances']) == 2


def test_two_boxes_of_a_track_and_two_poses_of_a_time(tmp_path):
    log = write_log(tmp_path)
    rewrite(log / 'annotations.feather', lambda columns: doubled(columns, tx_m=np.array([99.0])))
    with pytest.raises(DataError, match='two labels of the track .* that differ'):
        prepare_argoverse2(tmp_path)
    log = write_log(tmp_path / 'b')
    rewrite(log / 'city_SE3_egovehicle.feather',
            lambda columns: doubled(columns, tx_m=columns['tx_m'][:1] + 1))
    with pytest.raises(DataError, match='two poses of the time .* that differ'):
        prepare_argoverse2(tmp_path / 'b')


def test_hidden_files_beside_the_sweeps(tmp_path):
    log = write_log(tmp_path)
    (log / f'sensors/lidar/._{time_of(0)}.feather').write_bytes(b'')
    assert prepare_argoverse2(tmp_path).frames == dict(val=4)


def test_a_log_or_a_split_in_place_of_the_data_set(tmp_path):
    log = write_log(tmp_path)
    with pytest.raises(DataError, match=f'it is one log, give {tmp_path}/sensor '):
        prepare_argoverse2(log)
    with pytest.raises(DataError, match=f'it is one split, give {tmp_path}/sensor'):
        prepare_argoverse2(log.parent)
    log.parent.rename(tmp_path / 'mine')
    with pytest.raises(DataError, match='it holds logs, which belong into a folder train, val or'):
        prepare_argoverse2(tmp_path / 'mine')
    assert not list(tmp_path.rglob('*.pkl'))


def test_no_data_set(tmp_path):
    with pytest.raises(DataError, match='no Argoverse 2 sensor data set'):
        prepare_argoverse2(tmp_path)
    (tmp_path / 'sensor' / 'val').mkdir(parents=True)
    with pytest.raises(DataError, match='has no log in val'):
        prepare_argoverse2(tmp_path)
    with pytest.raises(DataError, match="no split 'train'; it has val"):
        prepare_argoverse2(tmp_path, splits=['train'])


def test_real_logs(real_data_dir, tmp_path):
    root = real_data_dir / 'argoverse2'
    if not root.is_dir():
        pytest.skip(f'{root} is absent')
    report = prepare_argoverse2(root, tmp_path, options=Argoverse2Preparation(skip_damaged=True))
    assert report.frames == dict(val=2) and len(report.damaged) == 1
    assert '154 labeled frames without a sweep' in report.notes
    from sparse3d.datasets.argoverse2.load_points import read_sweep
    from sparse3d.datasets.argoverse2.prepare.log import interior_points
    entry = entries_of(tmp_path)[0]
    points = read_sweep(tmp_path / entry['lidar_points']['lidar_path'])
    boxes = np.array([item['bbox_3d'] for item in entry['instances']])
    assert len(points) == 99229 and len(boxes) == 81
    assert interior_points(points, boxes).tolist() == [item['num_lidar_pts']
                                                       for item in entry['instances']]
