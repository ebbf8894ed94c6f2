"""Result files of other tools, read sample by sample."""
from __future__ import annotations

import json

import numpy as np
import pytest

import sparse3d.register  # noqa: F401  (formats of the data sets)
from sparse3d.datasets.argoverse2.results import submission_columns, write_argoverse2_submission
from sparse3d.datasets.waymo.results import write_detection_submission
from sparse3d.errors import DataError
from sparse3d.structures import result_files
from sparse3d.structures.box_conversions import center_to_lidar
from sparse3d.structures.detections import Detections
from sparse3d.structures.result_files import ResultFormat, Results

POSE = np.array([[0, -1, 0, 100.0], [1, 0, 0, 50], [0, 0, 1, 1], [0, 0, 0, 1]])
FOUND = Detections(np.array([[10, 2, -1.7, 4, 1.8, 1.5, 0.3, 1, 0.5],
                             [20, -3, -1.6, 0.8, 0.6, 1.8, 1, 0, 0]], np.float32),
                   np.array([0.9, 0.25], np.float32), np.array([0, 1]), ('car', 'pedestrian'))


def nuscenes_entries(tracking=False) -> list[dict]:
    entries = FOUND.to('nuscenes', sample_token='a', lidar2global=POSE)
    if tracking:
        for entry in entries:
            entry['tracking_name'] = entry.pop('detection_name')
            entry['tracking_score'] = entry.pop('detection_score')
            entry['tracking_id'] = '7'
    return entries


@pytest.mark.parametrize('tracking', [False, True])
def test_nuscenes(tmp_path, tracking):
    path = tmp_path / 'results.json'
    path.write_text(json.dumps(dict(meta={}, results=dict(a=nuscenes_entries(tracking), b=[]))))
    results = Results(path, ('bus', 'car'))
    found = results.of_sample(dict(token='a', lidar2global=POSE), '0')
    np.testing.assert_allclose(found.boxes_3d, FOUND.boxes_3d[:1], atol=1e-4)
    assert (found.names, found.scores.tolist()) == (['car'], pytest.approx([0.9]))
    assert results.left_out == dict(pedestrian=1)
    assert len(results.of_sample(dict(token='b', lidar2global=POSE), '1')) == 0
    with pytest.raises(DataError, match='no entry for frame 2; .*--split'):
        results.of_sample(dict(token='c', lidar2global=POSE), '2')
    with pytest.raises(DataError, match="not belong to this data set: .*samples have no 'token'"):
        results.of_sample(dict(lidar_path='a.bin'), '0')


@pytest.mark.parametrize('content, message', [
    ('{"results": {"a": [{}]}}', 'entry of sample a is damaged'),
    ('{"results": {"a": [3]}}', 'entry of sample a is damaged'),
    ('{"results": []}', 'no table "results"'), ('[]', 'no table "results"'), ('{', 'no JSON')])
def test_damaged_json_is_refused(tmp_path, content, message):
    (tmp_path / 'a.json').write_text(content)
    with pytest.raises(DataError, match=message):
        Results(tmp_path / 'a.json', ('car', )).of_sample(dict(token='a', lidar2global=POSE), '0')


@pytest.mark.parametrize('change, message', [
    (dict(translation=[1, 2, 0]), 'the nearest of its 1 boxes lies 1,.* m .*global frame'),
    (dict(sample_token='b'), "entry 0 is of another sample by its sample_token, 'b'"),
    (dict(size=[-2, 4, 1.5]), 'size of entry 0 is .*more than 0 m'),
    (dict(rotation=[0, 0, 0, 0]), 'rotation of entry 0 is .*quaternion'), (None, 'a dict, not a')])
def test_entries_that_cannot_be_are_refused(tmp_path, change, message):
    pose = POSE.copy()
    pose[:2, 3] += 1000
    entry = FOUND[[0]].to('nuscenes', sample_token='a', lidar2global=pose)[0]
    content = entry if change is None else [{**entry, **change}]
    (tmp_path / 'a.json').write_text(json.dumps(dict(results=dict(a=content))))
    with pytest.raises(DataError, match=f'a.json, sample a: .*{message}'):
        Results(tmp_path / 'a.json', ('car', )).of_sample(dict(token='a', lidar2global=pose), '0')


def test_results_of_which_no_class_is_known(tmp_path):
    path = tmp_path / 'a.json'
    path.write_text(json.dumps(dict(results=dict(a=nuscenes_entries(), b=[]))))
    results = Results(path, ('Car', ))
    results.of_sample(dict(token='b', lidar2global=POSE), '0')
    results.refuse_if_none_is_left()  # nothing was found, which is possible
    results.of_sample(dict(token='a', lidar2global=POSE), '0')
    with pytest.raises(DataError, match='none of the 2 .*they are car, pedestrian, .*classes Car;'):
        results.refuse_if_none_is_left()
    results = Results(path, ('car', ))
    results.of_sample(dict(token='a', lidar2global=POSE), '0')
    results.refuse_if_none_is_left()


@pytest.mark.parametrize('plain_objects', [False, True])
def test_waymo(tmp_path, plain_objects):
    box = FOUND.to('waymo')['boxes']
    path = tmp_path / 'results.bin'
    write_detection_submission(path, [dict(name=('drive', 7), box=box, type=np.array([1, 2]),
                                           score=FOUND.scores)], plain_objects)
    results = Results(path, ('Pedestrian', 'Car'))
    found = results.of_sample(dict(context_name='drive', timestamp=7), '0')
    assert found.names == ['Car', 'Pedestrian']
    np.testing.assert_allclose(found.boxes_3d, FOUND.boxes_3d[:, :7], atol=1e-4)
    assert len(results.of_sample(dict(context_name='drive', timestamp=8), '1')) == 0
    with pytest.raises(DataError, match='no entry for frame 2'):
        results.of_sample(dict(context_name='other', timestamp=7), '2')
    path.write_bytes(b'')
    with pytest.raises(DataError, match='results.bin holds no objects of Waymo'):
        Results(path, ('Car', ))


def test_a_folder_of_kitti(tmp_path):
    camera = dict(lidar2cam=np.array([[0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1.0]]))
    cars = Detections(FOUND.boxes_3d[:, :7], FOUND.scores, FOUND.labels, ('Car', 'Van'))
    cars.save(tmp_path / '000007.txt')
    (tmp_path / '000008.txt').write_text('')
    results = Results(tmp_path, ('Car', ))
    for info in (camera, dict(images=dict(CAM2=camera))):
        found = results.of_sample(dict(info, lidar_path='a/000007.bin'), '7')
        np.testing.assert_allclose(found.boxes_3d, cars.boxes_3d[:1], atol=1e-3)
    assert results.left_out == dict(Van=2)
    assert len(results.of_sample(dict(camera, lidar_path='a/000008.bin'), '8')) == 0
    with pytest.raises(DataError, match='no entry for frame 9'):
        results.of_sample(dict(camera, lidar_path='a/000009.bin'), '9')


def test_what_is_no_result_file_is_refused(tmp_path):
    (tmp_path / 'a.pkl').write_bytes(b'')
    (tmp_path / 'empty').mkdir()
    for name in ('a.pkl', 'empty'):
        with pytest.raises(DataError, match='no result file .*KITTI.*nuScenes.*Waymo'):
            Results(tmp_path / name, ('Car', ))
    with pytest.raises(DataError, match='does not exist'):
        Results(tmp_path / 'b.json', ('Car', ))


def test_of_several_formats_that_of_the_data_set_is_taken(tmp_path, monkeypatch):
    def format_of(name):
        return ResultFormat(f'results of {name}', lambda path: path.suffix == '.zz',
                            lambda path: lambda info: Detections.from_lists(
                                np.zeros((1, 7)), [1.0], [name], [name]))

    monkeypatch.setattr(result_files, '_FORMATS', {name: format_of(name) for name in ('a', 'b')})
    path = tmp_path / 'found.zz'
    path.write_text('')
    assert Results(path, ('a', 'b'), 'b').of_sample({}, '0').names == ['b']
    with pytest.raises(DataError, match='could be results of a or results of b; give the config'):
        Results(path, ('a', 'b'), 'c')
    with pytest.raises(DataError, match='there are results of a, results of b'):
        Results(tmp_path, ('a', 'b'), 'b')


OWN = Detections(FOUND.boxes_3d, FOUND.scores, FOUND.labels, ('car', 'pedestrian'), name='7')


@pytest.mark.parametrize('suffix', ['json', 'csv', 'npz'])
def test_own_files_in_a_folder(tmp_path, suffix):
    OWN.save(tmp_path / f'a_7.pcd.{suffix}')    # as detect calls it, after a_7.pcd.bin
    OWN[[]].save(tmp_path / f'8.{suffix}')
    results = Results(tmp_path, ('bus', 'car'), 'kitti')
    found = results.of_sample(dict(lidar_path='x/a_7.pcd.bin'), '7')
    np.testing.assert_allclose(found.boxes_3d, OWN.boxes_3d[:1], atol=1e-6)
    assert (found.names, results.left_out) == (['car'], dict(pedestrian=1))
    for info in (dict(lidar_path='x/8.bin'), dict(img_path='8.png'), dict(token='8')):
        assert len(results.of_sample(info, '8')) == 0
    with pytest.raises(DataError, match='has no entry for frame 9'):
        results.of_sample(dict(lidar_path='x/9.bin', token='../8'), '9')


def test_an_own_file_is_of_the_frame_of_its_name_or_of_the_one_it_names(tmp_path):
    for path in (tmp_path / '7.csv', tmp_path / 'any.json'):
        results = Results(OWN.save(path), OWN.class_names, 'nuscenes')
        assert len(results.of_sample(dict(lidar_path='x/7.bin'), '7')) == 2
        with pytest.raises(DataError, match='has no entry for frame 8'):
            results.of_sample(dict(lidar_path='x/8.bin'), '8')
    (tmp_path / '5.json').write_text(json.dumps(OWN.to('dicts')))
    assert Results(tmp_path / '5.json', ('car', )).of_sample(dict(lidar_path='5.bin'), '5').names \
        == ['car']


def test_own_files_keep_joints(tmp_path):
    joints = np.arange(2 * 14 * 3).reshape(2, 14, 3).astype(float)
    people = Detections(OWN.boxes_3d, OWN.scores, OWN.labels, OWN.class_names, joints,
                        np.ones((2, 14)))
    people.save(tmp_path / '7.json')
    found = Results(tmp_path, ('pedestrian', )).of_sample(dict(lidar_path='7.bin'), '7')
    np.testing.assert_allclose(found.keypoints_3d, joints[1:])
    np.testing.assert_allclose(found.keypoint_visibility, np.ones((1, 14)))


def test_of_a_folder_with_own_and_official_files_the_more_count(tmp_path):
    camera = dict(lidar2cam=np.array([[0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1.0]]))
    cars = Detections(FOUND.boxes_3d[:, :7], FOUND.scores, FOUND.labels * 0, ('Car', ))
    cars.save(tmp_path / '7.txt')
    cars[[0]].save(tmp_path / '7.json')     # detect --formats json txt
    info = dict(camera, lidar_path='7.bin')
    assert len(Results(tmp_path, ('Car', )).of_sample(info, '7')) == 1
    cars.save(tmp_path / '8.txt')           # notes of somebody beside a folder of KITTI
    assert len(Results(tmp_path, ('Car', )).of_sample(info, '7')) == 2


def test_a_damaged_own_file_is_refused(tmp_path):
    (tmp_path / '7.csv').write_text('class,x\ncar,1\n')
    with pytest.raises(DataError, match='7.csv has no header line'):
        Results(tmp_path, ('car', )).of_sample(dict(lidar_path='7.bin'), '7')


@pytest.mark.parametrize('change, said', [
    ((0, 691_000.0), 'lies at .*map coordinates'), ((3, 4200.0), 'has the size .*in meters')])
def test_every_format_is_looked_at(tmp_path, change, said):
    """Boxes on a map or in millimeters, in files whose own reader has no opinion on it."""
    boxes = FOUND.to('waymo')['boxes'][:1].copy()
    boxes[0, change[0]] = change[1]
    write_detection_submission(tmp_path / 'a.bin', [dict(
        name=('drive', 7), box=boxes, type=np.array([1]), score=np.ones(1))])
    with pytest.raises(DataError, match=f'a.bin: detection 0 {said}'):
        Results(tmp_path / 'a.bin', ('Car', )).of_sample(
            dict(context_name='drive', timestamp=7), '0')
    write_argoverse2_submission([submission_columns(
        center_to_lidar(boxes), np.ones(1), ['BUS'], 'log', 3)], tmp_path / 'a.feather')
    with pytest.raises(DataError, match=f'a.feather: detection 0 {said}'):
        Results(tmp_path / 'a.feather', ('BUS', )).of_sample(dict(log_id='log', timestamp_ns=3), '')


def test_samples_without_an_entry_are_counted(tmp_path):
    OWN.save(tmp_path / '7.json')
    results = Results(tmp_path, ('car', ))
    assert len(results.of_samples([(dict(lidar_path='7.bin'), '7')])[0]) == 1
    with pytest.raises(DataError, match=r'no entry for 4 of the 5 frames .*\(1, 2, 3, ...\); give'):
        results.of_samples([(dict(lidar_path=f'{name}.bin'), name) for name in '12347'])
    with pytest.raises(DataError, match='none of the 2 detections'):
        Results(tmp_path, ('tram', )).of_samples([(dict(lidar_path='7.bin'), '7')])


@pytest.mark.parametrize('name, content, said', [
    ('7.json', b'', 'damaged, for it is empty'), ('7.json', b'[{"class": "car",', 'cut short or'),
    ('7.json', b'\xff\xfe\0', 'no JSON'), ('7.csv', b'<html>', 'web page'),
    ('7.npz', b'', 'it is empty'), ('7.npz', b'x,y,z\n', 'no .npz of NumPy')])
def test_own_files_say_what_is_wrong_without_a_librarys_words(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=f'{name} holds no detections: .*{said}') as refused:
        Detections.read(tmp_path / name)
    assert 'Error' not in str(refused.value) and 'BadZip' not in str(refused.value)
