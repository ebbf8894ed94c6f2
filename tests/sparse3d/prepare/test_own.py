"""Own data: plain files to info files, and every mistake in them named."""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sparse3d.datasets.info_files import read_info_file, read_plain_file
from sparse3d.errors import DataError
from sparse3d.prepare.own import OwnPreparation, prepare_own
from sparse3d.prepare.own_check import check_own
from sparse3d.prepare.own_files import read_boxes

BOX = [10.0, 2.0, -1.5, 4.0, 2.0, 1.6, 0.4]
HEADER = 'class,x,y,z_bottom,dx,dy,dz,yaw\n'


def points_in(box, count=200, seed=0):
    random = np.random.default_rng(seed)
    local = random.uniform(-0.48, 0.48, (count, 3)) * box[3:6]
    cos, sin = np.cos(box[6]), np.sin(box[6])
    xyz = np.column_stack([local[:, 0] * cos - local[:, 1] * sin,
                           local[:, 0] * sin + local[:, 1] * cos, local[:, 2] + box[5] / 2])
    return np.column_stack([xyz + box[:3], random.uniform(size=count)]).astype(np.float32)


@pytest.fixture
def own(tmp_path) -> Path:
    """Ten frames with a car each; the third has no label, the fourth an empty one."""
    root = tmp_path / 'mine'
    for folder in ('points', 'boxes', 'images/LEFT'):
        (root / folder).mkdir(parents=True)
    for frame in range(10):
        np.save(root / f'points/{frame:03d}.npy', points_in(BOX, seed=frame))
        row = ','.join(map(str, BOX))
        (root / f'boxes/{frame:03d}.csv').write_text(f'{HEADER}Car,{row}\n')
        (root / f'images/LEFT/{frame:03d}.png').write_bytes(b'not looked at here')
    (root / 'boxes/002.csv').unlink()
    (root / 'boxes/003.csv').write_text(HEADER)
    matrices = dict(cam2img=np.diag([2, 2, 1]).tolist(), lidar2cam=np.eye(4).tolist())
    (root / 'calibration.json').write_text(json.dumps({'LEFT': matrices}))
    return root


def test_info_files_hold_what_the_files_say(own):
    report = prepare_own(own)
    assert report.frames == {'train': 7, 'val': 2}  # nine labelled, the last fifth validates
    info = read_info_file(own / 'own_infos_train.pkl', 'own')
    assert info['metainfo']['categories'] == {'Car': 0}
    assert info['metainfo']['stamp']['box_convention'].startswith('LiDAR frame')
    first = info['data_list'][0]
    assert first['lidar_points']['lidar_path'] == 'points/000.npy'
    assert first['instances'][0]['bbox_3d'] == BOX
    assert first['instances'][0]['num_lidar_pts'] == 200
    np.testing.assert_array_equal(first['images']['LEFT']['lidar2img'], np.diag([2, 2, 1, 1.0]))
    validation = read_info_file(own / 'own_infos_val.pkl', 'own')['data_list']
    assert [frame['sample_idx'] for frame in validation] == ['008', '009']


def test_the_database_holds_the_objects_of_training_frames(own):
    prepare_own(own)
    entries = read_plain_file(own / 'own_dbinfos_train.pkl')['Car']
    assert len(entries) == 6  # seven frames, one of them empty
    points = np.fromfile(own / entries[0]['path'], np.float32).reshape(-1, 4)
    assert len(points) == 200 and np.abs(points[:, :2]).max() < 2.5  # relative to the box


def test_split_files_decide(own):
    (own / 'splits').mkdir()
    (own / 'splits/train.txt').write_text('000\n001\n')
    (own / 'splits/test.txt').write_text('002\n')  # needs no labels
    assert prepare_own(own).frames == {'train': 2, 'test': 1}
    (own / 'splits/test.txt').write_text('000\n')
    with pytest.raises(DataError, match='000 is in the splits train and test'):
        prepare_own(own)
    (own / 'splits/test.txt').write_text('absent\n')
    with pytest.raises(DataError, match='names absent'):
        prepare_own(own)


@pytest.mark.parametrize(('suffix', 'text', 'box'), [
    ('csv', 'class, x, y, z_center, dx, dy, dz, yaw\nBus,1,2,3,4,5,6,0.5\n',
     [1, 2, 0, 4, 5, 6, 0.5]),
    ('csv', HEADER.replace('yaw', 'yaw,vx,vy') + 'Bus,1,2,0,4,5,6,.5,3,nan\n',
     [1, 2, 0, 4, 5, 6, 0.5, 3, np.nan]),
    ('json', '[{"class": "Bus", "x": 1, "y": 2, "z_bottom": 0, "dx": 4, "dy": 5, "dz": 6, '
     '"yaw": 0.5}]', [1, 2, 0, 4, 5, 6, 0.5])])
def test_boxes_in_every_form(tmp_path, suffix, text, box):
    path = tmp_path / f'a.{suffix}'
    path.write_text(text)
    names, boxes = read_boxes(path)
    assert names == ['Bus']
    np.testing.assert_array_equal(boxes, [box])


@pytest.mark.parametrize(('text', 'message'), [
    ('1,2,3,4\n', 'no header line'),
    (HEADER.replace('z_bottom', 'z') + 'Car,1,2,3,4,5,6,0\n', 'needs z_bottom or z_center'),
    (HEADER + 'Car,1,2,3,4,5,6\n', 'box 1 of .* has no yaw'),
    (HEADER + 'Car,1,2,3,4,-5,6,0\n', 'must be positive'),
    (HEADER + 'Car,1,2,3,4,five,6,0\n', "dy is 'five', no number"),
    (HEADER + 'Car,1,2,nan,4,5,6,0\n', 'z_bottom is nan'),
    (HEADER + ',1,2,3,4,5,6,0\n', 'has no class')])
def test_mistakes_in_a_box_file_are_named(tmp_path, text, message):
    (tmp_path / 'a.csv').write_text(text)
    with pytest.raises(DataError, match=message):
        read_boxes(tmp_path / 'a.csv')


def test_a_folder_without_clouds_or_labels_is_refused(tmp_path, own):
    with pytest.raises(DataError, match='holds no point cloud'):
        prepare_own(tmp_path)
    for path in (own / 'boxes').iterdir():
        path.unlink()
    with pytest.raises(DataError, match='no labelled frame'):
        prepare_own(own)


def test_a_camera_without_calibration_is_named(own):
    (own / 'images/LEFT').rename(own / 'images/RIGHT')
    with pytest.raises(DataError, match='nothing of the camera RIGHT'):
        prepare_own(own)


def test_the_check_of_good_data(own):
    prepare_own(own, OwnPreparation(database=False))
    report = check_own(own)
    assert report.ok and 'median Car is 4.00 x 2.00 x 1.60 m' in str(report)
    (own / 'points/000.npy').unlink()
    assert '1 frames of train lack a point cloud or image: 000' in str(check_own(own))


@pytest.mark.parametrize(('wrong', 'sentence'), [
    (lambda box: [*box[:2], box[2] + box[5] / 2, *box[3:]], 'half a height lower'),
    (lambda box: [*box[:6], box[6] + np.pi / 2], 'turned by 90 degrees'),
    (lambda box: [*box[:6], -box[6] - 0.4], 'turned the other way'),
    (lambda box: [box[1], box[0], *box[2:]], 'x and y are exchanged')])
def test_the_check_names_the_usual_mistakes(own, wrong, sentence):
    """Points are where the right box is, the files give the wrong one."""
    for frame in range(10):
        right = [10 + frame, -6.0, -1.5, 4.6, 1.2, 1.6, 0.8]
        np.save(own / f'points/{frame:03d}.npy', points_in(right, seed=frame))
        given = ','.join(map(str, wrong(right)))
        (own / f'boxes/{frame:03d}.csv').write_text(f'{HEADER}Car,{given}\n')
    if sentence == 'turned the other way':
        for frame in range(10):
            right = [10 + frame, -6.0, -1.5, 4.6, 1.2, 1.6, 0.8]
            (own / f'boxes/{frame:03d}.csv').write_text(
                HEADER + 'Car,' + ','.join(map(str, [*right[:6], -0.8])) + '\n')
    prepare_own(own)
    report = check_own(own)
    assert not report.ok and sentence in str(report)


@pytest.mark.parametrize('name', ['truck/bus', 'x/../../../out', '/etc/x', '..', 'delivery van',
                                  'a\\b', 'x' * 300])
def test_any_class_stays_inside_of_the_data_root(own, name):
    (own / 'boxes/000.csv').write_text(f'{HEADER}"{name}",{",".join(map(str, BOX))}\n')
    outside = set(own.parent.iterdir())
    prepare_own(own)
    entry, = read_plain_file(own / 'own_dbinfos_train.pkl')[name]
    assert (own / entry['path']).resolve().parent == (own / 'own_gt_database').resolve()
    assert np.fromfile(own / entry['path'], '<f4').size == 4 * entry['num_points_in_gt']
    assert set(own.parent.iterdir()) == outside
