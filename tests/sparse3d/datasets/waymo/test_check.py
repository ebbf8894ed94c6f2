"""What the check says of a simulated data set, whole and spoilt."""
import copy
import shutil

import numpy as np
import pytest

from sparse3d.datasets.waymo.check import check_waymo, project_box
from sparse3d.datasets.waymo.prepare import prepare_waymo
from sparse3d.transforms.info_files import read_info_file, write_info_file
from sparse3d_cli import main


@pytest.fixture
def prepared(simulated, tmp_path):
    """A copy that may be spoilt."""
    return shutil.copytree(simulated / 'kitti_format', tmp_path / 'kitti_format')


def spoil(root, change, split='train'):
    """Rewrite an info file after ``change`` of its entries; returns the report's problems."""
    path = root / f'waymo_infos_{split}.pkl'
    info = read_info_file(path, 'waymo')
    entries = copy.deepcopy(info['data_list'])
    changed = change(entries)
    write_info_file(path, info['metainfo'], entries if changed is None else changed)
    return check_waymo(root).problems


def test_a_whole_data_set(simulated):
    report = check_waymo(simulated / 'kitti_format')
    text = str(report)
    assert report.ok and 'no problems found' in text
    assert 'train: 3 frames of 1 segments' in text and 'with keypoints' in text
    assert 'boxes hold 1.00' in text and 'simulated' in text


def test_command_line(simulated, capsys):
    """The raw root will do as well as the folder inside it."""
    for root in (simulated, simulated / 'kitti_format'):
        assert main(['check', str(root)]) == 0
        assert 'Waymo at' in capsys.readouterr().out


def turn(entries):
    for item in (item for entry in entries for item in entry['instances']):
        item['bbox_3d'][6] += np.pi / 2


def raise_by_half(entries):
    for item in (item for entry in entries for item in entry['instances']):
        item['bbox_3d'][2] += item['bbox_3d'][5] / 2


def swap_cameras(entries):
    for entry in entries:
        images = entry['images']
        images['CAM_FRONT'], images['CAM_SIDE_LEFT'] = images['CAM_SIDE_LEFT'], images['CAM_FRONT']
        images['CAM_SIDE_RIGHT'], images['CAM_FRONT_LEFT'] = (
            images['CAM_FRONT_LEFT'], images['CAM_SIDE_RIGHT'])


def jump(entries):
    entries[1]['ego2global'][0][3] += 100


def drop_labels(entries):
    for entry in entries:
        entry['instances'] = []


def forget_the_pose(entries):
    del entries[0]['ego2global']


@pytest.mark.parametrize('change, problem', [
    (turn, 'do not hold their points'), (raise_by_half, 'do not hold their points'),
    (swap_cameras, 'do not project onto their objects'), (jump, 'jump faster than'),
    (lambda entries: entries[::-1], 'are not later than the one before'),
    (lambda entries: [*entries, entries[-1]], 'are there twice'),
    (lambda entries: [entries[0], entries[2]], 'do not have the one before as newest sweep'),
    (lambda entries: entries[0]['instances'][0].update(bbox_label_3d=7), 'of no class'),
    (drop_labels, 'no ground truth'),
    (lambda entries: entries.clear(), 'train has no frame'),
    (forget_the_pose, 'not in the layout'),
    (lambda entries: entries[0]['lidar_points'].update(lidar_path='../x.bin'), 'digit of a split'),
])
def test_spoilt_entries(prepared, change, problem):
    assert problem in '\n'.join(spoil(prepared, change))


def test_a_segment_in_two_splits(prepared):
    info = read_info_file(prepared / 'waymo_infos_train.pkl', 'waymo')
    name = info['data_list'][0]['context_name']
    found = spoil(prepared, lambda entries: [entry.update(context_name=name)
                                             for entry in entries] and None, 'val')
    assert found == [f'the segment {name} stands in train (number 0) and in val (number 0); remove '
                     f'all files of it but one and prepare the data again']


def test_missing_and_damaged_files(prepared):
    (prepared / 'training' / 'velodyne' / '0000001.bin').unlink()
    (prepared / 'validation' / 'image_3' / '1000000.jpg').unlink()
    cloud = prepared / 'validation' / 'velodyne' / '1000002.bin'
    cloud.write_bytes(cloud.read_bytes()[:-24])
    text = '\n'.join(check_waymo(prepared).problems)
    assert '1 point clouds of train are missing' in text and '0000001.bin' in text
    assert '1 pictures of val are missing' in text and 'image_3' in text
    assert '1 point clouds of val are unusable' in text and '1000002.bin' in text


def test_labels_without_points(prepared):
    info = read_info_file(prepared / 'waymo_infos_train.pkl', 'waymo')
    for entry in info['data_list']:
        entry['lidar_points'].pop('contents')
    write_info_file(prepared / 'waymo_infos_train.pkl', info['metainfo'], info['data_list'])
    for cloud in (prepared / 'training' / 'velodyne').iterdir():
        cloud.write_bytes(b'')
    assert 'train has labels but no points' in '\n'.join(check_waymo(prepared).problems)


def test_nothing_and_unmerged_parts(tmp_path, prepared):
    assert 'no waymo_infos' in check_waymo(tmp_path).problems[0]
    shutil.copyfile(prepared / 'waymo_infos_val.pkl', prepared / 'waymo_infos_val.part-1-of-2.pkl')
    assert 'not merged' in check_waymo(prepared).problems[0]


def test_projection_by_hand():
    """A camera that looks along x with a focal length of 100; a cube of 2 m, 10 m ahead."""
    lidar2img = np.array([[50, -100, 0, 0], [40, 0, -100, 0], [1, 0, 0, 0.0]])
    box = np.array([11, 0, -1, 2, 2, 2, 0.0])
    np.testing.assert_allclose(project_box(box, lidar2img, (80, 100)), [40, 30, 60, 50])
    assert project_box(box - (30, 0, 0, 0, 0, 0, 0), lidar2img, (80, 100)) is None
    assert project_box(box + (0, 50, 0, 0, 0, 0, 0), lidar2img, (80, 100)) is None


def test_real_components(real_data_dir, tmp_path):
    """Poses and camera keypoints of a real segment; its other components are not there."""
    root = tmp_path / 'waymo'
    shutil.copytree(real_data_dir / 'waymo_v2', root / 'training')
    assert prepare_waymo(root).frames == dict(train=199)
    report = check_waymo(root / 'kitti_format')
    assert '199 frames of 1 segments' in str(report) and 'no labels' in str(report)
    assert len(report.problems) == 1 and 'no ground truth' in report.problems[0]
