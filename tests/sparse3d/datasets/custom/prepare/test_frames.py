"""Own data: plain files to info files, and every mistake in them named."""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sparse3d.apis import Detections
from sparse3d.datasets.custom.check import check_custom
from sparse3d.datasets.custom.prepare.frames import CustomPreparation, prepare_custom
from sparse3d.datasets.custom.prepare.labels import read_boxes
from sparse3d.errors import ConfigError, DataError
from sparse3d.transforms.info_files import read_info_file, read_plain_file

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
    report = prepare_custom(own)
    assert report.frames == {'train': 7, 'val': 2}  # nine labeled, the last fifth validates
    info = read_info_file(own / 'own_infos_train.pkl', 'custom')
    assert info['metainfo']['categories'] == {'Car': 0}
    assert info['metainfo']['stamp']['box_convention'].startswith('LiDAR frame')
    first = info['data_list'][0]
    assert first['lidar_points']['lidar_path'] == 'points/000.npy'
    assert first['instances'][0]['bbox_3d'] == BOX
    assert first['instances'][0]['num_lidar_pts'] == 200
    np.testing.assert_array_equal(first['images']['LEFT']['lidar2img'], np.diag([2, 2, 1, 1.0]))
    validation = read_info_file(own / 'own_infos_val.pkl', 'custom')['data_list']
    assert [frame['sample_idx'] for frame in validation] == ['008', '009']


def test_the_database_holds_the_objects_of_training_frames(own):
    prepare_custom(own)
    entries = read_plain_file(own / 'own_dbinfos_train.pkl')['Car']
    assert len(entries) == 6  # seven frames, one of them empty
    points = np.fromfile(own / entries[0]['path'], np.float32).reshape(-1, 4)
    assert len(points) == 200 and np.abs(points[:, :2]).max() < 2.5  # relative to the box


def test_split_files_decide(own):
    (own / 'splits').mkdir()
    (own / 'splits/train.txt').write_text('000\n001\n')
    (own / 'splits/test.txt').write_text('002\n')  # needs no labels
    assert prepare_custom(own).frames == {'train': 2, 'test': 1}
    (own / 'splits/test.txt').write_text('000\n')
    with pytest.raises(DataError, match='000 is in the splits train and test'):
        prepare_custom(own)
    (own / 'splits/test.txt').write_text('absent\n')
    with pytest.raises(DataError, match='names absent'):
        prepare_custom(own)


def test_names_of_a_split_stand_one_a_line(own):
    (own / 'splits').mkdir()
    (own / 'points/004.npy').rename(own / 'points/a b.npy')
    (own / 'boxes/004.csv').rename(own / 'boxes/a b.csv')
    (own / 'splits/train.txt').write_bytes(b'\xef\xbb\xbfa b\r\n000.npy\r\n\r\npoints/001.npy\r\n')
    report = prepare_custom(own)
    info = read_info_file(own / 'own_infos_train.pkl', 'custom')
    assert [frame['sample_idx'] for frame in info['data_list']] == ['a b', '000', '001']
    assert report.frames == {'train': 3}
    for text, message in (('000 001\n', 'line 1 .*; write one name a line'),
                          ('000\n000\n', 'names 000 twice'),
                          ('000\n05\n', 'line 2 .* names 05, .*did you mean 00?5'),
                          ('a\ufffdb\n', 'could not read')):
        (own / 'splits/train.txt').write_text(text)
        with pytest.raises(DataError, match=message):
            prepare_custom(own)
    (own / 'splits/train.txt').rename(own / 'splits/training.txt')
    with pytest.raises(DataError, match='split of no purpose; name it train, val, test.txt'):
        prepare_custom(own)


def test_unlabeled_frames_of_a_split_are_left_out_and_counted(own):
    (own / 'splits').mkdir()
    (own / 'splits/train.txt').write_text('000\n002\n')
    (own / 'splits/val.txt').write_text('002\n')
    with pytest.raises(DataError, match='in the splits train and val'):
        prepare_custom(own)
    (own / 'splits/val.txt').write_text('001\n')
    report = prepare_custom(own)
    assert report.frames == {'train': 1, 'val': 1}
    assert '1 of 2 frames of train are not labeled and left out: 002' in str(report)


def test_a_split_that_is_empty_now_leaves_no_older_file(own):
    prepare_custom(own)
    (own / 'splits').mkdir()
    (own / 'splits/train.txt').write_text('000\n')
    assert 'removed' in str(prepare_custom(own)) and not (own / 'own_infos_val.pkl').exists()


def test_files_that_belong_to_no_frame_are_counted(own):
    (own / 'points/drive.xyz').write_bytes(b'?')
    (own / 'points/._000.npy').write_bytes(b'left by macOS')
    (own / 'boxes/._000.csv').write_bytes(b'left by macOS')
    (own / 'boxes/far.csv').write_text(HEADER)
    (own / 'images/LEFT/far.png').write_bytes(b'')
    said = str(prepare_custom(own))
    assert '1 files of points are no point clouds and are left out: drive.xyz' in said
    assert '1 files of boxes belong to no point cloud and are left out: far.csv' in said
    assert '1 files of images/LEFT belong to no point cloud' in said and 'macOS' not in said
    assert '1 of 10 frames are not labeled' in said
    for path in (own / 'boxes').glob('0*'):
        path.unlink()
    with pytest.raises(DataError, match='no file of .*boxes has the name of a point cloud: far'):
        prepare_custom(own)


def test_endings_in_capitals_are_endings(own):
    (own / 'points/000.npy').rename(own / 'points/000.NPY')
    (own / 'boxes/000.csv').rename(own / 'boxes/000.CSV')
    (own / 'images/LEFT/000.png').rename(own / 'images/LEFT/000.PNG')
    assert prepare_custom(own).frames == {'train': 7, 'val': 2}
    first = read_info_file(own / 'own_infos_train.pkl', 'custom')['data_list'][0]
    assert first['images']['LEFT']['img_path'].endswith('000.PNG')


def test_names_of_macs_and_others_are_one_name(own):
    composed, apart = 'caf\u00e9', 'cafe\u0301'
    (own / 'points/000.npy').rename(own / f'points/{apart}.npy')
    (own / 'boxes/000.csv').rename(own / f'boxes/{composed}.csv')
    row = ','.join(map(str, BOX))
    (own / 'boxes/001.csv').write_text(f'{HEADER}Kombi {apart},{row}\nKombi {composed},{row}\n')
    prepare_custom(own)
    info = read_info_file(own / 'own_infos_val.pkl', 'custom')
    assert info['data_list'][-1]['sample_idx'] == composed
    assert info['metainfo']['categories'] == {'Car': 0, f'Kombi {composed}': 1}


@pytest.mark.parametrize(('name', 'message'), [
    ('car', "classes 'Car' and 'car'"), ('C-ar', "'Car' and 'C-ar'"),
    ('B\ufffds', 'a program could not read')])
def test_names_of_classes_that_cannot_be_meant(own, name, message):
    row = ','.join(map(str, BOX))
    (own / 'boxes/001.csv').write_text(f'{HEADER}{name},{row}\n')
    with pytest.raises(DataError, match=message):
        prepare_custom(own)


@pytest.mark.parametrize('name', ['Bus/Truck', 'Euro pallet', '$\\x$', '../up', 'a:b*?"<>|'])
def test_a_class_may_have_any_name(own, name):
    for path in (own / 'boxes').glob('*.csv'):
        rows = [{'class': name, **dict(zip(KEYS, BOX, strict=True))}]
        path.with_suffix('.json').write_text(json.dumps(rows))
        path.unlink()
    prepare_custom(own)
    entries = read_plain_file(own / 'own_dbinfos_train.pkl')[name]
    assert len(entries) == 7 and all((own / entry['path']).is_file() for entry in entries)
    assert all(Path(entry['path']).parent.name == 'own_gt_database' for entry in entries)


KEYS = ('x', 'y', 'z_bottom', 'dx', 'dy', 'dz', 'yaw')


def test_degrees_and_no_box_at_all_are_refused_before_clouds_are_read(own):
    for path in (own / 'points').iterdir():
        path.write_bytes(b'not looked at')
    row = ','.join(map(str, [*BOX[:6], 23.0]))
    (own / 'boxes/005.csv').write_text(f'{HEADER}Car,{row}\n')
    with pytest.raises(DataError, match='005.csv has a yaw of 23, which is in degrees'):
        prepare_custom(own)


def test_no_box_to_train_on(own):
    for path in (own / 'boxes').iterdir():
        path.write_text(HEADER)
    with pytest.raises(DataError, match='no box to train on: the box files of all 7 frames'):
        prepare_custom(own)


def test_damaged_clouds_are_refused_or_left_out(own):
    content = (own / 'points/001.npy').read_bytes()
    (own / 'points/001.npy').write_bytes(content[:-5])
    with pytest.raises(DataError, match='001.npy is cut short'):
        prepare_custom(own)
    report = prepare_custom(own, CustomPreparation(skip_damaged=True))
    assert report.frames == {'train': 6, 'val': 2} and '001.npy is cut short' in str(report)
    (own / 'points/000.npy').write_bytes(content[:-5])
    found = str(check_custom(own))
    assert '1 clouds of train cannot be read' in found and '000.npy is cut short' in found


def test_columns_that_mean_nothing_are_named(own):
    row = ','.join(map(str, BOX))
    (own / 'boxes/000.csv').write_text(HEADER.strip() + f',id,color\nCar,{row},7,red\n')
    assert 'columns of the box files that are not used: id, color' in str(prepare_custom(own))


def test_detections_are_labels_again(own):
    found = Detections(np.array([BOX], np.float32), np.array([0.9], np.float32), np.array([0]),
                       ('Euro pallet', ))
    for suffix in ('csv', 'json'):
        names, boxes = read_boxes(found.save(own / f'found.{suffix}'))
        assert names == ['Euro pallet']
        np.testing.assert_allclose(boxes, [BOX], rtol=1e-6)


def test_the_check_names_units_empty_clouds_and_no_ground_truth(own):
    for path in sorted((own / 'points').iterdir()):
        np.save(path, points_in(BOX) * [1000, 1000, 1000, 1])
    prepare_custom(own)
    assert 'millimeters' in str(check_custom(own))
    for path in sorted((own / 'points').iterdir()):
        np.save(path, np.zeros((0, 4)))
    (own / 'boxes/008.csv').write_text(HEADER)
    (own / 'boxes/009.csv').write_text(HEADER)
    prepare_custom(own)
    found = str(check_custom(own))
    assert 'no cloud of train has a point' in found and 'no frame of val has a box' in found


@pytest.mark.parametrize('matrix', [[[1, 2], [3]], [['x']], None, np.zeros((3, 3)).tolist(),
                                    np.full((3, 3), np.nan).tolist()])
def test_calibration_that_is_none_is_refused(own, matrix):
    matrices = dict(cam2img=matrix, lidar2cam=np.eye(4).tolist())
    (own / 'calibration.json').write_text(json.dumps({'LEFT': matrices}))
    with pytest.raises(DataError, match='cam2img of LEFT'):
        prepare_custom(own)


@pytest.mark.parametrize(('suffix', 'text', 'box'), [
    ('csv', HEADER.replace(',', ';') + 'Bus;1;2;0;4;5;6;0.5\n', [1, 2, 0, 4, 5, 6, 0.5]),
    ('csv', '\ufeff' + HEADER.replace(',', '\t') + 'Bus\t1\t2\t0\t4\t5\t6\t0.5\r\n\r\n',
     [1, 2, 0, 4, 5, 6, 0.5]),
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
    (HEADER + ',1,2,3,4,5,6,0\n', 'has no class'),
    (HEADER.replace(',', ';') + 'Car;1,5;2;3;4;5;6;0\n', "x is '1,5', .* not a comma"),
    (HEADER + 'Car,1,5,2,3,4,5,6,0\n', 'has 9 columns, the header has 8; write decimal points'),
    (HEADER.replace('yaw', 'dx') + 'Car,1,2,3,4,5,6,0\n', "two columns named 'dx'"),
    (HEADER.replace('yaw', 'Yaw') + 'Car,1,2,3,4,5,6,0\n', 'has no yaw; write yaw, not Yaw')])
def test_mistakes_in_a_box_file_are_named(tmp_path, text, message):
    (tmp_path / 'a.csv').write_text(text)
    with pytest.raises(DataError, match=message):
        read_boxes(tmp_path / 'a.csv')


def test_a_folder_without_clouds_or_labels_is_refused(tmp_path, own):
    with pytest.raises(DataError, match='holds no point cloud'):
        prepare_custom(tmp_path)
    for path in (own / 'boxes').iterdir():
        path.unlink()
    with pytest.raises(DataError, match='no labeled frame'):
        prepare_custom(own)


def test_a_camera_of_a_mac_has_the_calibration_of_its_name(own):
    composed, apart = 'caf\u00e9', 'cafe\u0301'
    (own / 'images/LEFT').rename(own / f'images/{apart}')
    path = own / 'calibration.json'
    path.write_text(json.dumps({composed: json.loads(path.read_text())['LEFT']}))
    prepare_custom(own)
    path.write_text(json.dumps({apart: json.loads(path.read_text())[composed]}))
    prepare_custom(own)
    first = read_info_file(own / 'own_infos_train.pkl', 'custom')['data_list'][0]
    assert list(first['images']) == [composed]


def test_a_camera_without_calibration_is_named(own):
    (own / 'images/LEFT').rename(own / 'images/RIGHT')
    with pytest.raises(DataError, match='nothing of the camera RIGHT'):
        prepare_custom(own)


def test_the_check_of_good_data(own):
    for path in (own / 'images/LEFT').iterdir():
        Image.new('RGB', (160, 90)).save(path)
    (own / 'calibration.json').write_text(json.dumps(dict(LEFT=dict(
        cam2img=[[100, 0, 80], [0, 100, 45], [0, 0, 1]],
        lidar2cam=[[0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]]))))
    prepare_custom(own, CustomPreparation(database=False))
    report = check_custom(own)
    assert report.ok and 'median Car is 4.00 x 2.00 x 1.60 m' in str(report)
    (own / 'points/000.npy').unlink()
    assert '1 frames of train lack a point cloud or image: 000' in str(check_custom(own))


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
    prepare_custom(own)
    report = check_custom(own)
    assert not report.ok and sentence in str(report)


@pytest.mark.parametrize('name', ['truck/bus', 'x/../../../out', '/etc/x', '..', 'delivery van',
                                  'a\\b', 'x' * 300])
def test_any_class_stays_inside_of_the_data_root(own, name):
    (own / 'boxes/000.csv').write_text(f'{HEADER}"{name}",{",".join(map(str, BOX))}\n')
    outside = set(own.parent.iterdir())
    prepare_custom(own)
    entry, = read_plain_file(own / 'own_dbinfos_train.pkl')[name]
    assert (own / entry['path']).resolve().parent == (own / 'own_gt_database').resolve()
    assert np.fromfile(own / entry['path'], '<f4').size == 4 * entry['num_points_in_gt']
    assert set(own.parent.iterdir()) == outside


@pytest.mark.parametrize(('options', 'message'), [
    (dict(columns=2), 'columns is 2; a point has x, y and z'), (dict(columns=0), 'columns is 0'),
    (dict(validation=2.0), 'validation is 2; give a share'), (dict(validation=0.0), 'between 0'),
    (dict(validation=float('nan')), 'validation is nan')])
def test_options_that_cannot_be_meant(options, message):
    with pytest.raises(ConfigError, match=message):
        CustomPreparation(**options)


def test_identities_of_labels_travel_into_the_info_file(write_street):
    root = write_street()
    for path in (root / 'boxes').glob('*.csv'):
        head, *rows = path.read_text().splitlines()
        path.write_text('\n'.join([f'{head},track_id', *(f'{row},t{number}' for number, row in
                                                         enumerate(rows))]) + '\n')
    prepare_custom(root, CustomPreparation(database=False))
    entries = read_plain_file(root / 'own_infos_train.pkl')['data_list']
    assert [item['track_id'] for item in entries[0]['instances']] == [f't{n}' for n in range(5)]
