"""A simulated drive in the layout of the tracking benchmark, prepared, checked and scored."""
from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sparse3d.apis.track import track
from sparse3d.datasets.kitti.check import check_kitti as check
from sparse3d.datasets.kitti.prepare.sequences import is_tracking_layout, prepare_kitti_tracking
from sparse3d.datasets.kitti.simulate import KittiOptions
from sparse3d.datasets.kitti.simulate.sequences import simulate_kitti_tracking
from sparse3d.datasets.kitti.tracks import labels, track_frame
from sparse3d.errors import ConfigError, DataError
from sparse3d.simulate.conditions import Conditions
from sparse3d.structures.detections import Detections
from sparse3d.transforms.info_files import read_plain_file, write_info_file
from sparse3d_cli import main

SMALL = KittiOptions(frames_per_drive=4, frame_rate=10.0, azimuths=240, lidar_field=90,
                     image_scale=.05, conditions=Conditions(people=2.0))


def simulate(root: Path, frames: int = 7, options: KittiOptions = SMALL) -> Path:
    simulate_kitti_tracking(root, frames, seed=3, val_fraction=.5, options=options,
                            show_progress=False)
    return root


@pytest.fixture(scope='module')
def drive(tmp_path_factory) -> Path:
    """A sequence of four frames that validates, and one of three; prepared."""
    root = simulate(tmp_path_factory.mktemp('simulated') / 'kitti')
    prepare_kitti_tracking(root)
    return root


def test_the_official_layout(drive):
    training = drive / 'training'
    for name, frames in (('0000', 4), ('0001', 3)):
        for kind, ending in (('velodyne', 'bin'), ('image_02', 'png')):
            assert sorted(path.name for path in (training / kind / name).iterdir()) == [
                f'{frame:06d}.{ending}' for frame in range(frames)]
        rows = [line.split() for line in
                (training / 'label_02' / f'{name}.txt').read_text().splitlines()]
        assert {len(row) for row in rows} == {17}
        assert {row[0] for row in rows} == set(map(str, range(frames)))
        assert all((int(row[1]) < 0) == (row[2] == 'DontCare') for row in rows)
        assert {row[3] for row in rows} <= {'-1', '0', '1', '2'}
        places = (training / 'oxts' / f'{name}.txt').read_text().splitlines()
        assert len(places) == frames and {len(line.split()) for line in places} == {30}
    calibration = (training / 'calib' / '0000.txt').read_text()
    assert 'R_rect ' in calibration and 'Tr_velo_cam ' in calibration
    assert 'R0_rect' not in calibration
    assert (drive / 'ImageSets' / 'val.txt').read_text() == '0000\n'


def test_the_same_bytes_again_and_a_sequence_that_goes_on(drive, tmp_path):
    shutil.copytree(drive, tmp_path / 'again')
    (tmp_path / 'again' / 'training' / 'label_02' / '0001.txt').unlink()
    simulate(tmp_path / 'again', 8)
    one, other = (root / 'training' for root in (drive, tmp_path / 'again'))
    path = 'velodyne/0001/000002.bin'
    assert (one / path).read_bytes() == (other / path).read_bytes()
    old = (one / 'label_02' / '0001.txt').read_text()
    assert (other / 'label_02' / '0001.txt').read_text().startswith(old)
    assert (other / 'velodyne' / '0001' / '000003.bin').is_file()


def test_what_stands_still_stays_where_it_is_in_the_world(drive):
    entries = read_plain_file(drive / 'kitti_tracking_infos_trainval.pkl')['data_list']
    paths: dict[tuple, list] = {}
    for entry in entries:
        pose, found = track_frame(entry).pose, labels(entry)
        for box, identity in zip(found.boxes_3d, found.ids, strict=True):
            paths.setdefault((entry['sequence'], identity), []).append(
                pose[:3, :3] @ box[:3] + pose[:3, 3])
    moved = [np.linalg.norm(path[-1][:2] - path[0][:2]) for path in paths.values()
             if len(path) >= 3]
    ego = [track_frame(entry).pose[:2, 3] for entry in entries[:4]]
    assert np.linalg.norm(ego[-1] - ego[0]) > 1.0  # the vehicle drives
    assert sum(step < .1 for step in moved) >= 2   # parked cars: labels have centimeters


def test_prepared_checked_tracked_and_scored_from_the_command_line(drive, tmp_path, capsys):
    report = check(drive)
    assert not report.problems and any('poses of all frames' in fact for fact in report.facts)
    assert main(['track', str(drive / 'training' / 'label_02'), '--infos',
                 str(drive / 'kitti_tracking_infos_val.pkl'), '--out', str(tmp_path / 'tracks'),
                 '--options', 'min_hits=1', '--evaluate', str(drive)]) == 0
    shown = capsys.readouterr().out
    assert 'frames of 1 scenes' in shown and 'HOTA' in shown
    row = next(line for line in shown.splitlines() if line.startswith('car')).split()
    assert float(row[9]) > 80 and row[12] == '0'  # MOTA and identity switches


def test_what_the_text_of_a_picture_cannot_hold_is_said(drive, tmp_path):
    infos = drive / 'kitti_tracking_infos_val.pkl'
    behind = Detections(np.array([[-20.0, 0, -1.7, 4, 2, 1.5, 0]]), np.array([.9]),
                        np.array([0]), ('Car',))
    for entry in read_plain_file(infos)['data_list']:
        replace(behind, name=entry['frame_name']).save(tmp_path / 'own' / (
            entry['frame_name'] + '.json'))
    report = track(tmp_path / 'own', infos, tmp_path / 'tracks', options=dict(min_hits=1))
    assert report.boxes == 4
    assert '4 of 4 boxes lie outside of the picture' in str(report)
    assert [path.read_text() for path in (tmp_path / 'tracks').iterdir()] == ['']


def test_a_frame_without_a_cloud_is_left_out_and_counted(drive, tmp_path):
    root = tmp_path / 'kitti'
    shutil.copytree(drive, root)
    (root / 'training' / 'velodyne' / '0000' / '000001.bin').unlink()
    report = prepare_kitti_tracking(root)
    assert 'left out: 1 frames whose picture has no cloud (0000/000001)' in str(report)
    assert report.frames['val'] == 3
    (root / 'training' / 'oxts' / '0000.txt').unlink()
    assert '1 sequences have no oxts' in str(prepare_kitti_tracking(root))
    assert not check(root).problems
    out = track(root / 'training' / 'label_02', root / 'kitti_tracking_infos_val.pkl',
                tmp_path / 'tracks')
    assert out.frames == 3


def test_a_frame_without_a_picture_and_labels_of_no_frame_are_counted(drive, tmp_path):
    root = tmp_path / 'kitti'
    shutil.copytree(drive, root)
    (root / 'training' / 'image_02' / '0000' / '000001.png').unlink()
    labels = root / 'training' / 'label_02' / '0000.txt'
    first = labels.read_text().splitlines()[0].split()
    labels.write_text(labels.read_text() + ' '.join(['99', *first[1:]]) + '\n')
    report = prepare_kitti_tracking(root)
    assert 'left out: 1 frames whose cloud has no picture (0000/000001)' in report.notes
    assert 'left out: 1 labeled frames that are not there (0000/99)' in report.notes
    assert report.frames['val'] == 3


def test_a_sequence_without_clouds_is_named(drive, tmp_path):
    root = tmp_path / 'kitti'
    shutil.copytree(drive, root)
    pictures = root / 'training' / 'image_02'
    shutil.copytree(pictures / '0000', pictures / '0042')
    assert 'left out: 1 sequences whose pictures have no clouds (0042)' in \
        prepare_kitti_tracking(root).notes


def test_the_layout_is_told_without_pictures_too(drive, tmp_path):
    root = tmp_path / 'kitti'
    shutil.copytree(drive, root)
    shutil.rmtree(root / 'training' / 'image_02')
    assert is_tracking_layout(root) and not is_tracking_layout(tmp_path)
    with pytest.raises(DataError, match='image_02/000. has no picture'):
        prepare_kitti_tracking(root)


def test_leaps_of_an_object_are_a_problem(drive, tmp_path):
    root = tmp_path / 'kitti'
    shutil.copytree(drive, root)
    path = root / 'kitti_tracking_infos_val.pkl'
    content = read_plain_file(path)
    content['data_list'][2]['lidar2global'][0][3] += 30
    write_info_file(path, content['metainfo'], content['data_list'])
    assert any('more than 8 m away in the next one' in line for line in check(root).problems)


def test_the_layout_has_no_times_so_other_rates_are_refused(tmp_path):
    with pytest.raises(DataError, match='frame_rate is 2; the tracking layout of KITTI has no'):
        simulate(tmp_path / 'k', options=replace(SMALL, frame_rate=2.0))
    with pytest.raises(DataError, match='num_frames 0'):
        simulate(tmp_path / 'k', 0)


def test_options_of_the_object_benchmark_are_not_passed_over(drive, capsys):
    assert main(['create-data', 'kitti', str(drive), '--all-frames']) == 2
    assert '--all-frames is of the object benchmark' in capsys.readouterr().err


def test_damaged_labels_and_unknown_splits_are_named(drive, tmp_path):
    root = tmp_path / 'kitti'
    shutil.copytree(drive, root)
    path = root / 'training' / 'label_02' / '0001.txt'
    good = path.read_text()
    car = next(line for line in good.splitlines() if ' DontCare ' not in line)
    for bad, words in ((car.replace(' ', ',', 1), 'has 16 columns'),
                       (f'{car}\n{car}', 'is the second one of the track'),
                       (car.replace(car.split()[2], 'Boat'), "unknown type 'Boat'")):
        path.write_text(bad + '\n')
        with pytest.raises(DataError, match=words):
            prepare_kitti_tracking(root)
    path.write_text(good)
    with pytest.raises(DataError, match="has no split 'test'"):
        prepare_kitti_tracking(root, splits=['test'])
    with pytest.raises(ConfigError, match='cannot be read as'):
        prepare_kitti_tracking(root, types={'Bus': 'Boat'})
