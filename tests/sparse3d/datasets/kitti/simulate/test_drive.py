"""The whole simulation: layout, calibration, determinism, going on, bad folders."""
from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from sparse3d.datasets.kitti.simulate import KittiOptions, simulate_kitti
from sparse3d.datasets.kitti.simulate.calibration import KittiCalibration
from sparse3d.datasets.kitti.simulate.drive import kitti_sensors, simulate_frame, split_frames
from sparse3d.errors import DataError
from sparse3d.simulate.street import random_street

SMALL = KittiOptions(frames_per_drive=2, azimuths=400, lidar_field=120, image_scale=.2)
KINDS = {'Car', 'Van', 'Truck', 'Pedestrian', 'Cyclist', 'DontCare'}


def simulate(root: Path, frames: int = 6, **changes) -> Path:
    arguments = {'seed': 5, 'workers': 1, 'options': SMALL, 'show_progress': False} | changes
    simulate_kitti(root, frames, **arguments)
    return root


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes()
            for path in sorted(root.rglob('*')) if path.is_file()}


@pytest.fixture(scope='module')
def drive(tmp_path_factory) -> Path:
    """Six small frames of three streets."""
    return simulate(tmp_path_factory.mktemp('simulated') / 'kitti')


def test_the_official_layout(drive):
    names = {path.relative_to(drive).as_posix() for path in drive.rglob('*') if path.is_file()}
    expected = {f'training/{folder}/{frame:06d}.{ending}' for frame in range(6)
                for folder, ending in (('velodyne', 'bin'), ('image_2', 'png'), ('calib', 'txt'),
                                       ('label_2', 'txt'), ('planes', 'txt'))}
    expected |= {f'ImageSets/{split}.txt' for split in ('train', 'val', 'trainval')}
    assert names == expected | {'simulation.json'}
    stamp = json.loads((drive / 'simulation.json').read_text())
    assert stamp['seed'] == 5 and stamp['options']['azimuths'] == 400


def test_points_and_images_have_their_form(drive):
    for frame in range(6):
        raw = np.fromfile(drive / f'training/velodyne/{frame:06d}.bin', dtype='<f4')
        points = raw.reshape(-1, 4)
        assert len(points) > 2000 and np.isfinite(points).all()
        assert ((points[:, 3] >= 0) & (points[:, 3] < 1)).all()
        assert np.linalg.norm(points[:, :3], axis=1).max() < 120.1
        image = cv2.imread(str(drive / f'training/image_2/{frame:06d}.png'))
        assert image.shape == (375, 1242, 3) and image.std() > 10


def test_every_label_line_is_kittis(drive):
    total = 0
    for path in (drive / 'training/label_2').iterdir():
        for line in path.read_text().splitlines():
            words = line.split()
            assert len(words) == 15 and words[0] in KINDS
            values = np.array(words[1:], dtype=float)
            x1, y1, x2, y2 = values[3:7]
            assert 0 <= x1 < x2 <= 1241 and 0 <= y1 < y2 <= 374
            if words[0] == 'DontCare':
                continue
            total += 1
            assert 0 <= values[0] <= .95 and values[1] in (0, 1, 2, 3)
            assert -np.pi <= values[2] <= np.pi + .01 and -np.pi <= values[13] <= np.pi + .01
            assert (values[7:10] > .3).all() and 0 < values[12] <= 80
    assert total > 10


def test_calibration_and_planes_line_by_line(drive):
    lines = (drive / 'training/calib/000003.txt').read_text().splitlines()
    counts = {'P0': 12, 'P1': 12, 'P2': 12, 'P3': 12, 'R0_rect': 9, 'Tr_velo_to_cam': 12,
              'Tr_imu_to_velo': 12}
    assert lines[-1] == ''
    assert {line.split(':')[0]: len(line.split(':')[1].split()) for line in lines[:-1]} == counts
    plane = (drive / 'training/planes/000003.txt').read_text().splitlines()
    assert len(plane) == 4
    a, b, c, d = (float(word) for word in plane[3].split())
    assert b < -.99 and 1.4 < d < 1.9


def test_rectification_and_mounting_give_exact_axes():
    calibration = KittiCalibration()
    product = calibration.rectification @ calibration.camera_from_lidar
    np.testing.assert_allclose(product[:, :3], [[0, -1, 0], [0, 0, -1], [1, 0, 0]], atol=1e-12)
    assert np.abs(calibration.rectification - np.eye(3)).max() > 1e-3
    np.testing.assert_allclose(calibration.rectification @ calibration.rectification.T, np.eye(3),
                               atol=1e-12)


def test_points_land_on_the_pixels_of_their_object(drive):
    """The files' own matrices bring LiDAR points of actors to pixels that show these actors."""
    matrices = {name: np.array(numbers.split(), dtype=float) for name, numbers in (
        line.split(':') for line in
        (drive / 'training/calib/000000.txt').read_text().splitlines()[:-1])}
    transform = np.eye(4)
    transform[:3] = matrices['Tr_velo_to_cam'].reshape(3, 4)
    rectify = np.eye(4)
    rectify[:3, :3] = matrices['R0_rect'].reshape(3, 3)
    options = KittiOptions(azimuths=1500, lidar_field=100)
    scene = random_street(np.random.default_rng((5, 0)), 1.0)
    frame = simulate_frame(scene.snapshot(0.0), options, np.random.default_rng(0))
    points = frame.sweep.points[frame.sweep.instances >= 0]
    identities = frame.sweep.instances[frame.sweep.instances >= 0]
    homogeneous = np.column_stack([points[:, :3], np.ones(len(points))])
    image = homogeneous @ (matrices['P2'].reshape(3, 4) @ rectify @ transform).T
    pixels = np.round(image[:, :2] / image[:, 2:]).astype(int)
    inside = ((image[:, 2] > 0) & (pixels >= 0).all(axis=1) & (pixels[:, 0] < 1242)
              & (pixels[:, 1] < 375))
    shown = frame.picture.instances[pixels[inside, 1], pixels[inside, 0]]
    assert inside.sum() > 300
    # the two sensors stand .28 m apart, so a few points are hidden from the camera
    assert (shown == identities[inside]).mean() > .93


def test_points_of_labeled_objects_lie_in_their_boxes():
    for number in range(4):
        scene = random_street(np.random.default_rng((9, number)), 1.0)
        snapshot = scene.snapshot(.5)
        frame = simulate_frame(snapshot, SMALL, np.random.default_rng(0))
        lidar, _ = kitti_sensors(SMALL, KittiCalibration())
        world = frame.sweep.points[:, :3] @ (snapshot.world_from_ego[:3, :3]).T + (
            snapshot.world_from_ego @ lidar.ego_from_lidar)[:3, 3]
        for state in snapshot.actors:
            points = world[frame.sweep.instances == state.actor.identity] - state.box[:3]
            cos, sin = np.cos(state.box[6]), np.sin(state.box[6])
            along = points[:, 0] * cos + points[:, 1] * sin
            across = -points[:, 0] * sin + points[:, 1] * cos
            assert (np.abs(along) < state.box[3] / 2 + .08).all()
            assert (np.abs(across) < state.box[4] / 2 + .08).all()
            assert (points[:, 2] > -.08).all() and (points[:, 2] < state.box[5] + .08).all()


def test_streets_are_seen_in_one_split_only(drive):
    splits = {name: (drive / f'ImageSets/{name}.txt').read_text().split()
              for name in ('train', 'val', 'trainval')}
    assert splits['trainval'] == [f'{frame:06d}' for frame in range(6)]
    assert sorted(splits['train'] + splits['val']) == splits['trainval']
    streets = {name: {int(frame) // 2 for frame in frames} for name, frames in splits.items()}
    assert splits['val'] and not streets['train'] & streets['val']


@pytest.mark.parametrize(('fraction', 'held_out'), [(0, 0), (.25, 25), (.5, 50), (1, 100)])
def test_the_share_of_validation_drives(fraction, held_out):
    splits = split_frames(200, fraction, 2)
    assert len(splits['val']) == 2 * held_out and len(splits['train']) == 200 - 2 * held_out
    longer = split_frames(300, fraction, 2)
    assert [frame for frame in longer['val'] if frame < 200] == splits['val']


def test_frames_do_not_depend_on_workers_nor_on_their_number(drive, tmp_path):
    parallel = simulate(tmp_path / 'parallel', frames=4, workers=2)
    simulate(parallel, frames=6, workers=2)
    assert contents(parallel) == contents(drive)


def test_seeds_differ(drive, tmp_path):
    other = simulate(tmp_path / 'other', frames=2, seed=6)
    label = 'training/label_2/000000.txt'
    assert (other / label).read_bytes() != (drive / label).read_bytes()


def test_going_on_after_an_interruption(drive, tmp_path, monkeypatch):
    root = tmp_path / 'interrupted'
    written = []

    def stop_after_seven(path, content):
        if len(written) == 7:
            raise KeyboardInterrupt
        written.append(path)
        Path(path).write_bytes(content)

    with monkeypatch.context() as patch:
        patch.setattr('sparse3d.datasets.kitti.simulate.drive.write_bytes_atomically',
                      stop_after_seven)
        with pytest.raises(KeyboardInterrupt):
            simulate(root)
    assert not (root / 'ImageSets/train.txt').exists()
    (root / 'training/velodyne/.000003.bin.77.tmp').write_bytes(b'half')
    before = (root / 'training/velodyne/000000.bin').stat().st_mtime_ns
    simulate(root)
    assert contents(root) == contents(drive)
    assert (root / 'training/velodyne/000000.bin').stat().st_mtime_ns == before


def test_another_simulation_in_the_folder_is_refused(drive):
    with pytest.raises(DataError, match='seed is 5, not 6'):
        simulate(drive, seed=6)
    with pytest.raises(DataError, match='options'):
        simulate(drive, options=KittiOptions())


def test_data_that_is_not_ours_is_never_touched(tmp_path):
    (tmp_path / 'training').mkdir()
    (tmp_path / 'training/velodyne').mkdir()
    with pytest.raises(DataError, match='no simulation wrote'):
        simulate(tmp_path)
    assert not (tmp_path / 'simulation.json').exists()


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(DataError, match='could not be made'):
        simulate(tmp_path / 'file' / 'below')


def test_a_damaged_stamp(tmp_path):
    (tmp_path / 'simulation.json').write_text('{')
    with pytest.raises(DataError, match='not a readable stamp'):
        simulate(tmp_path)


def test_a_full_disk_names_the_file(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, 'No space left on device')
    root = simulate(tmp_path / 'full', frames=1)
    monkeypatch.setattr('os.replace', full)
    with pytest.raises(DataError, match='000001.*No space left'):
        simulate(root, frames=2)
    monkeypatch.undo()
    assert not list((root / 'training').rglob('.*'))


@pytest.mark.parametrize('wrong', [
    {'frames': 0}, {'val_fraction': 1.5}, {'seed': -1}])
def test_arguments_out_of_range(tmp_path, wrong):
    with pytest.raises(DataError, match='out of range'):
        simulate(tmp_path / 'never', **wrong)
    assert not (tmp_path / 'never').exists()


def test_options_out_of_range():
    with pytest.raises(DataError, match='lidar_field is 400'):
        KittiOptions(lidar_field=400)
