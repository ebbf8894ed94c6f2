"""Values and files that are no detections: one sentence, whatever the format."""
from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from sparse3d.apis import Detections
from sparse3d.errors import DataError

BOX = {'class': 'Car', 'score': .9, 'x': 10, 'y': 0, 'z_bottom': -1, 'dx': 4, 'dy': 2, 'dz': 1.5,
       'yaw': .1}
ARRAYS = dict(boxes_3d=np.ones((2, 7), np.float32), scores=np.ones(2), labels=np.zeros(2, int),
              class_names=np.array(['Car']))
KITTI = 'Car 0 0 0 1 1 2 2 {} 1 1 0 0 0 0\n'
NOTHING = float('nan')


@pytest.mark.parametrize(('content', 'said'), [
    ([dict(BOX, dx=-4)], r'detection 0 has the size \[-4.0, 2.0, 1.5\]'),
    ([dict(BOX, dx=4200)], r'has the size \[4200.0, .* lengths in meters'),
    ([dict(BOX, x=691_000)], 'detection 0 lies at .*: map coordinates; give places from'),
    ([dict(BOX, yaw=90), dict(BOX, yaw=180)], '2 of 2 detections have a yaw .*in degrees'),
    ([dict(BOX, x=True)], 'x is True, no number'),
    ([{**BOX, 'class': None}], 'None, which is no name'),
    ([{**BOX, 'class': ''}], "'', which is no name"),
    ([dict(BOX, vx=1)], "lacks 'vy'"),
    ([dict(BOX, keypoints=[[0, 0, 0]]), BOX], '1 of 2 detections have keypoints'),
    ([dict(BOX, keypoints=[[0, 0, 0]]), dict(BOX, keypoints=[[0, 0, 0]] * 2)], 'differ in length'),
    ([dict(BOX, keypoints='abc')], 'no real numbers'),
    ([dict(BOX, keypoints=[1, 2, 3])], r'keypoints_3d .*\(1, 3\); \(N, K, 3\) is needed'),
    (dict(class_names='Car', detections=[BOX]), "text 'Car'; give a list|not in list"),
    (dict(class_names=['Car', 'Car'], detections=[BOX]), "'Car' twice"),
    (dict(detections=dict(a=BOX)), 'holds no detections'),
    ('[' * 100_000, 'RecursionError'),
    ('[{"class": "Car", "x": 1, "x": 2}]', "'x' stands twice"),
])
def test_json_files(content, said, tmp_path):
    path = tmp_path / 'a.json'
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(DataError, match=said) as caught:
        Detections.read(path)
    assert str(path) in str(caught.value) and '\n' not in str(caught.value)


@pytest.mark.parametrize(('change', 'said'), [
    (dict(boxes_3d=np.full((2, 7), NOTHING)), 'detection 0 has a box that is not finite'),
    (dict(boxes_3d=-np.ones((2, 7))), 'has the size'),
    (dict(boxes_3d=np.full((2, 7), 'a')), 'boxes_3d are <U1, no real numbers'),
    (dict(boxes_3d=np.ones((2, 7), complex)), 'no real numbers'),
    (dict(scores=np.array([1, NOTHING])), 'detection 1 has a score that is not finite'),
    (dict(scores=np.array(['a', 'b'])), 'scores are <U1'),
    (dict(scores=np.ones((2, 2))), r'scores have the shape \(2, 2\)'),
    (dict(class_names=np.array([1])), '1, which is no name'),
    (dict(keypoints_3d=np.ones((2, 3))), r'keypoints_3d have the shape \(2, 3\)'),
])
def test_archives(change, said, tmp_path):
    np.savez(tmp_path / 'a.npz', **{**ARRAYS, **change})
    with pytest.raises(DataError, match=said):
        Detections.read(tmp_path / 'a.npz')


def test_tables_of_other_marks_are_told_by_them(tmp_path):
    (tmp_path / 'a.csv').write_text('class;x;y;z_bottom;dx;dy;dz;yaw\nCar;1,5;2;3;4;5;6;0\n')
    with pytest.raises(DataError, match='no commas between its columns .*points in numbers'):
        Detections.read(tmp_path / 'a.csv')


@pytest.mark.parametrize('official', [True, False])
@pytest.mark.parametrize(('camera', 'said'), [
    (dict(cam2img=np.eye(4)), r'no lidar2cam \(cam2img\)'), ({}, r'no lidar2cam \(it is empty\)'),
    ('calib.txt', r'no lidar2cam \(but is str\)'), (dict(lidar2cam=np.eye(3)), r'\(3, 3\)'),
    (dict(lidar2cam=np.full((4, 4), NOTHING)), 'NaN'),
    (dict(lidar2cam=np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [5, 0, 0, 1.0]])),
     'transposed')])
def test_cameras_that_are_none(camera, said, official, tmp_path):
    (tmp_path / 'a.txt').write_text(KITTI.format(1))
    with pytest.raises(DataError, match=said):
        Detections.read(tmp_path / 'a.txt', 'kitti' if official else ['Car'], camera)


def test_a_negative_size_in_a_kitti_file(tmp_path):
    (tmp_path / 'a.txt').write_text(KITTI.format(-1))
    with pytest.raises(DataError, match='has the size'):
        Detections.read(tmp_path / 'a.txt', ['Car'])


@pytest.mark.parametrize(('value', 'name'), [
    (None, 'dicts'), (None, 'nuscenes'), (['a'], 'kitti'), ({}, 'waymo'),
    (dict(boxes=np.ones((2, 8)), scores=[1], names=['Car']), 'waymo'),
    (dict(boxes=np.full((1, 7), NOTHING), scores=[1], names=['Car']), 'waymo')])
def test_values_of_something_else(value, name):
    with pytest.raises(DataError, match=f'in the format {name!r}'):
        Detections.of(value, name, ['Car'])


def test_options_that_a_format_does_not_have():
    found = Detections(np.ones((1, 7)), [1.0], [0], ('car',))
    with pytest.raises(DataError, match="'kitti' has no option 'pose'; it has camera"):
        found.to('kitti', pose=3)
    with pytest.raises(DataError, match="'dicts' has no option 'pose'; it has none"):
        Detections.of([BOX], 'dicts', ['Car'], pose=3)
    with pytest.raises(DataError, match=r'lidar2global has the shape \(3, 3\)'):
        found.to('nuscenes', lidar2global=np.eye(3))


@pytest.mark.parametrize('change', [
    dict(boxes_3d=None), dict(boxes_3d=[[1], [1, 2]]), dict(boxes_3d=[['a'] * 7]),
    dict(scores=['a']), dict(labels=None), dict(class_names=None), dict(class_names=[None])])
def test_arguments_of_other_kinds(change):
    good = dict(boxes_3d=np.ones((1, 7)), scores=[1.0], labels=[0], class_names=('Car', ))
    Detections(**good)
    with pytest.raises(DataError):
        Detections(**{**good, **change})


def test_tensors_are_arrays():
    found = Detections(torch.ones(1, 7), torch.ones(1), torch.zeros(1, dtype=int), ('Car', ))
    assert isinstance(found.boxes_3d, np.ndarray) and found.to('dicts')[0]['class'] == 'Car'


def test_choices_that_cannot_be():
    found = Detections(np.ones((1, 7)), [1.0], [0], ('Car', ))
    with pytest.raises(DataError, match=r"the text 'Car'; give a list of names, \['Car'\]"):
        found.filter(classes='Car')
    with pytest.raises(DataError, match='limit is -1'):
        found.filter(limit=-1)


def test_some_headings_beyond_a_turn_and_some_velocities_are_taken(tmp_path):
    rows = [dict(BOX, yaw=7.5), *[BOX] * 18, dict(BOX, vx=1, vy=2)]
    (tmp_path / 'a.json').write_text(json.dumps(rows))
    found = Detections.read(tmp_path / 'a.json')
    assert found.boxes_3d.shape == (20, 9)
    assert np.isnan(found.boxes_3d[:19, 7:]).all() and found.boxes_3d[19, 7:].tolist() == [1, 2]
