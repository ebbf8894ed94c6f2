"""Simulated nuScenes scenes, read with the nuscenes-devkit alone."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pyquaternion import Quaternion

from sparse3d.datasets.nuscenes.simulate import NuScenesOptions, simulate_nuscenes
from sparse3d.datasets.nuscenes.simulate.annotations import visibility_level
from sparse3d.datasets.nuscenes.simulate.drive import scene_names
from sparse3d.datasets.nuscenes.simulate.rig import (
    CHANNELS,
    LIDAR,
    build_camera,
    build_lidar,
    mounting,
)
from sparse3d.datasets.nuscenes.splits import official_splits
from sparse3d.errors import DataError
from sparse3d.simulate.poses import inverse

SMALL = NuScenesOptions(seconds=1, image_width=32, azimuths=60, lidar_rate=4)


@pytest.fixture(scope='module')
def devkit(simulated_nuscenes):
    devkit = pytest.importorskip('nuscenes')
    return devkit.NuScenes('v1.0-mini', str(simulated_nuscenes), verbose=False)


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes()
            for path in sorted(root.rglob('*')) if path.is_file()}


def data_of(devkit, channel: str, scene: int = 0) -> list[dict]:
    """The sample_data of one channel of a scene, along the chain."""
    sample = devkit.get('sample', devkit.scene[scene]['first_sample_token'])
    rows = [devkit.get('sample_data', sample['data'][channel])]
    while rows[-1]['next']:
        rows.append(devkit.get('sample_data', rows[-1]['next']))
    return rows


def test_the_devkit_finds_samples_sweeps_and_splits(devkit):
    assert [scene['name'] for scene in devkit.scene] == ['scene-0061', 'scene-0103']
    assert len(devkit.sample) == 10
    sweeps, pictures = data_of(devkit, 'LIDAR_TOP'), data_of(devkit, 'CAM_BACK')
    assert [row['is_key_frame'] for row in sweeps] == [row % 10 == 0 for row in range(41)]
    assert np.diff([row['timestamp'] for row in sweeps]).tolist() == [50_000] * 40
    assert np.diff([row['timestamp'] for row in pictures]).tolist() == [250_000] * 8
    for row in devkit.sample_data:
        assert (Path(devkit.dataroot) / row['filename']).is_file()
        assert row['prev'] == '' or devkit.get('sample_data', row['prev'])['next'] == row['token']


def test_files_have_their_form(devkit):
    row = data_of(devkit, 'LIDAR_TOP')[3]
    points = np.fromfile(Path(devkit.dataroot) / row['filename'], '<f4').reshape(-1, 5)
    assert len(points) > 2000 and set(points[:, 4]) <= set(range(32))
    assert 1 < points[:, 3].max() <= 255
    top = points[points[:, 4] == 31]
    elevation = np.degrees(np.arctan2(top[:, 2], np.linalg.norm(top[:, :2], axis=1)))
    assert elevation == pytest.approx(10.67, abs=.01)
    picture = data_of(devkit, 'CAM_FRONT')[0]
    with Image.open(Path(devkit.dataroot) / picture['filename']) as image:
        assert image.size == (80, 45) == (picture['width'], picture['height'])


def test_point_counts_are_those_of_the_devkits_boxes(devkit):
    from nuscenes.utils.data_classes import LidarPointCloud
    from nuscenes.utils.geometry_utils import points_in_box
    counted = 0
    for sample in devkit.sample:
        path, boxes, _ = devkit.get_sample_data(sample['data']['LIDAR_TOP'])
        points = LidarPointCloud.from_file(path).points[:3]
        for box in boxes:
            annotation = devkit.get('sample_annotation', box.token)
            assert abs(points_in_box(box, points).sum() - annotation['num_lidar_pts']) <= 1
            counted += annotation['num_lidar_pts']
    assert counted > 200


def test_velocities_and_attributes_tell_the_same(devkit):
    moving = 0
    for annotation in devkit.sample_annotation:
        velocity = devkit.box_velocity(annotation['token'])
        attribute = devkit.get('attribute', annotation['attribute_tokens'][0])['name']
        if np.isnan(velocity).any():
            continue
        speed = np.linalg.norm(velocity[:2])
        assert speed < 15
        if attribute == 'vehicle.parked':
            assert speed < 1e-6
        if attribute == 'vehicle.moving':
            along = Quaternion(annotation['rotation']).rotation_matrix[:2, 0]
            assert velocity[:2] @ along > .9 * speed > .1
            moving += 1
    assert moving > 10


def test_the_ego_drives_along_its_heading(devkit):
    poses = [devkit.get('ego_pose', row['ego_pose_token']) for row in data_of(devkit, 'LIDAR_TOP')]
    steps = np.diff([pose['translation'] for pose in poses], axis=0)
    speeds = np.linalg.norm(steps, axis=1) / .05
    assert (speeds > 3).all() and (speeds < 14).all()
    ahead = np.array([Quaternion(pose['rotation']).rotation_matrix[:, 0] for pose in poses[:-1]])
    assert ((steps * ahead).sum(1) > .99 * np.linalg.norm(steps, axis=1)).all()


def test_calibration_is_that_of_the_sensors():
    for channel in CHANNELS:
        position, rotation = mounting(channel)
        sensor = (build_lidar(4).ego_from_lidar if channel == LIDAR
                  else inverse(build_camera(channel, 80).camera_from_ego))
        np.testing.assert_allclose(Quaternion(rotation).rotation_matrix, sensor[:3, :3],
                                   atol=1e-12)
        np.testing.assert_allclose(position, sensor[:3, 3], atol=1e-12)


def test_what_the_front_camera_sees_lies_ahead():
    position, rotation = mounting('CAM_FRONT_LEFT')
    look = Quaternion(rotation).rotate(np.array([0, 0, 1.0]))
    assert look == pytest.approx([np.cos(np.radians(55)), np.sin(np.radians(55)), 0])


def test_same_bytes_after_a_stop_and_with_two_workers(tmp_path):
    simulate_nuscenes(tmp_path / 'a', 1, seed=1, options=SMALL, show_progress=False)
    whole = contents(tmp_path / 'a')
    (tmp_path / 'a/.simulation/0000_0001.json').unlink()
    next((tmp_path / 'a/samples/LIDAR_TOP').iterdir()).unlink()
    (tmp_path / 'a/.simulation/0000_0000.json').unlink()
    simulate_nuscenes(tmp_path / 'a', 1, seed=1, options=SMALL, show_progress=False)
    assert contents(tmp_path / 'a') == whole
    simulate_nuscenes(tmp_path / 'b', 2, seed=1, workers=2, options=SMALL, show_progress=False)
    both = contents(tmp_path / 'b')
    for name, content in whole.items():
        if not name.startswith('v1.0'):
            assert both[name] == content, name


def test_scene_names_are_official():
    splits = official_splits()
    assert scene_names(10)[1::5] == list(splits['mini_val'])
    many = scene_names(20)
    assert set(many[1::5]) <= set(splits['val'])
    assert set(many[2::5]) <= set(splits['train'])


def test_visibility_levels():
    assert [visibility_level(share) for share in (0, .4, .7, .8, 1)] == ['1', '2', '3', '4', '4']


def test_impossible_options_are_named(tmp_path):
    with pytest.raises(DataError, match='camera_rate is 3; it must be a multiple of 2'):
        NuScenesOptions(camera_rate=3)
    with pytest.raises(DataError, match='seconds is 0'):
        NuScenesOptions(seconds=0)
    with pytest.raises(DataError, match='num_scenes 0'):
        simulate_nuscenes(tmp_path / 'new', 0)
    (tmp_path / 'samples/LIDAR_TOP').mkdir(parents=True)
    with pytest.raises(DataError, match='already holds data'):
        simulate_nuscenes(tmp_path, 1)


def test_a_damaged_record_is_named(tmp_path):
    simulate_nuscenes(tmp_path, 1, options=SMALL, show_progress=False)
    record = tmp_path / '.simulation/0000_0000.json'
    record.write_bytes(record.read_bytes()[:50])
    with pytest.raises(DataError, match='0000_0000.json is damaged'):
        simulate_nuscenes(tmp_path, 1, options=SMALL, show_progress=False)
