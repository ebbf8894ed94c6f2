"""Detections: arrays chosen, converted to every benchmark and back, written to files."""
from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.lib import format as npy_format

from sparse3d.apis import Detections
from sparse3d.errors import ConfigError, DataError
from sparse3d.structures.detection_formats import register_format

NAMES = ('Car', 'Pedestrian')
AS_NUSCENES = dict(Car='car', Pedestrian='pedestrian')
TURNED = np.array([[0, -1, 0, 5.0], [1, 0, 0, -3], [0, 0, 1, 1.5], [0, 0, 0, 1]])
CAMERA = dict(lidar2cam=np.array([[0, -1, 0, 0.1], [0, 0, -1, -0.2], [1, 0, 0, -0.3],
                                  [0, 0, 0, 1]]),
              cam2img=np.array([[200, 0, 200, 0], [0, 200, 100, 0], [0, 0, 1, 0.0]]),
              width=400, height=200)


@pytest.fixture
def found():
    boxes = np.array([[10, 2, -1.5, 4, 1.8, 1.6, 0.5, 3, -1],
                      [20, -3, -1.4, 0.8, 0.6, 1.7, -2.0, 0, 1]], np.float32)
    return Detections(boxes, np.array([0.9, 0.4], np.float32), np.array([0, 1]), NAMES,
                      keypoints_3d=np.arange(12, dtype=np.float32).reshape(2, 2, 3),
                      keypoint_visibility=np.full((2, 2), 2.0),
                      points=np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32))


def same_boxes(one, other, columns=9):
    np.testing.assert_allclose(one.boxes_3d[:, :columns], other.boxes_3d[:, :columns], atol=2e-4)
    np.testing.assert_allclose(one.scores, other.scores, atol=1e-6)
    assert one.names == other.names


def test_filter_by_score_class_and_number(found):
    assert found.filter(0.5).names == ['Car']
    assert found.filter(classes=['Pedestrian']).keypoints_3d.tolist() == \
        [[[6, 7, 8], [9, 10, 11]]]
    assert len(found.filter(limit=1)) == 1 and len(found.filter(0.95)) == 0
    with pytest.raises(DataError, match="no class 'Bus'"):
        found.filter(classes=['Bus'])


def test_plain_dicts_and_back(found):
    dicts = json.loads(json.dumps(found.to('dicts')))
    assert dicts[0]['class'] == 'Car' and dicts[0]['z_bottom'] == -1.5 and dicts[0]['vx'] == 3
    again = Detections.of(dicts, 'dicts', NAMES)
    same_boxes(again, found)
    np.testing.assert_allclose(again.keypoints_3d, found.keypoints_3d)


@pytest.mark.parametrize('pose', [None, TURNED])
def test_nuscenes_and_back(found, pose):
    entries = found.to('nuscenes', sample_token='token', lidar2global=pose, names=AS_NUSCENES)
    if pose is not None:  # a quarter turn to the left: ahead becomes left
        assert entries[0]['translation'] == pytest.approx([5 - 2, -3 + 10, 1.5 - 1.5 + 0.8])
        assert entries[0]['velocity'] == pytest.approx([1, 3])
    assert entries[0]['size'] == pytest.approx([1.8, 4, 1.6])
    again = Detections.of(entries, 'nuscenes', list(AS_NUSCENES.values()), lidar2global=pose)
    same_boxes(replace(again, class_names=NAMES), found)


def test_own_classes_become_entries_that_the_devkit_reads_or_one_sentence(found):
    judge = pytest.importorskip('nuscenes.eval.detection.data_classes').DetectionBox
    for entry in found.to('nuscenes', sample_token='token', names=AS_NUSCENES):
        assert judge.deserialize(entry).detection_name in AS_NUSCENES.values()
    with pytest.raises(DataError, match="'Car' is none of nuScenes.*names={'Car': one of car, "):
        found.to('nuscenes')
    with pytest.raises(DataError, match="'Auto' is none of nuScenes.*names={'Car'"):
        found.to('nuscenes', names=dict(Car='Auto'))
    entry, = found.to('nuscenes', names=dict(Car=None, Pedestrian='pedestrian'))
    assert entry['detection_name'] == 'pedestrian'
    assert found[:0].to('nuscenes') == []


@pytest.mark.parametrize('suffix', ['json', 'npz'])
def test_the_name_of_the_frame_is_kept(found, tmp_path, suffix):
    named = replace(found, name='drive 7/\u00e4')
    assert Detections.read(named.save(tmp_path / f'a.{suffix}')).name == 'drive 7/\u00e4'


def test_a_file_without_a_name_gives_its_own(found, tmp_path):
    found.save(tmp_path / 'frame 3.txt')
    assert Detections.read(tmp_path / 'frame 3.txt', NAMES).name == 'frame 3'


def test_a_lower_origin_raises_everything(found):
    raised = found.raised(0.5)
    assert found.raised(0) is found
    np.testing.assert_allclose(raised.boxes_3d[:, 2], found.boxes_3d[:, 2] + 0.5)
    np.testing.assert_allclose(raised.points[:, 2], found.points[:, 2] + 0.5)
    np.testing.assert_allclose(raised.keypoints_3d - found.keypoints_3d,
                               np.tile([0, 0, 0.5], (2, 2, 1)))


def test_kitti_and_back_with_a_camera_and_without(found):
    lines = found.to('kitti', camera=CAMERA).splitlines()
    assert lines[0].split()[0] == 'Car' and len(lines[0].split()) == 16
    again = Detections.of(found.to('kitti', camera=CAMERA), 'kitti', NAMES, camera=CAMERA)
    same_boxes(again, found, 7)
    assert found.to('kitti').splitlines()[1].split()[4:8] == ['-1.0000'] * 4
    same_boxes(Detections.of(found.to('kitti'), 'kitti', NAMES), found, 7)


def test_waymo_and_back(found):
    values = found.to('waymo')
    assert values['boxes'][0, 2] == pytest.approx(-1.5 + 0.8)
    same_boxes(Detections.of(values, 'waymo', NAMES), found, 7)


def test_nothing_found_converts_as_well():
    nothing = Detections(np.zeros((0, 7), np.float32), np.zeros(0), np.zeros(0, int), NAMES)
    assert nothing.to('dicts') == [] and nothing.to('nuscenes') == [] and nothing.to('kitti') == ''
    assert len(Detections.of([], 'dicts', NAMES)) == len(Detections.of('', 'kitti', NAMES)) == 0


def test_files_of_numbers(found, tmp_path):
    content = json.loads(found.save(tmp_path / 'deep' / 'a.json').read_text())
    assert content['detections'] == found.to('dicts')
    arrays = np.load(found.save(tmp_path / 'a.npz'))
    np.testing.assert_array_equal(arrays['boxes_3d'], found.boxes_3d)
    assert found.save(tmp_path / 'a.txt', CAMERA).read_text() == found.to('kitti', camera=CAMERA)


def test_vector_pictures(found, tmp_path):
    assert found.save(tmp_path / 'a.svg').read_text().lstrip().startswith('<?xml')
    assert found.save(tmp_path / 'a.pdf').read_bytes().startswith(b'%PDF')


def test_errors_name_what_is_wrong(found, tmp_path):
    with pytest.raises(DataError, match='a.docx cannot be written'):
        found.save(tmp_path / 'a.docx')
    with pytest.raises(DataError, match='2 boxes do not go with 1 scores'):
        Detections(found.boxes_3d, found.scores[:1], found.labels, NAMES)
    with pytest.raises(DataError, match='not 3'):
        Detections.of('Car 1 2', 'kitti', NAMES)
    with pytest.raises(DataError, match="lacks 'dx'"):
        Detections.of([{'x': 1, 'y': 2, 'z_bottom': 0, 'class': 'Car'}], 'dicts', NAMES)
    with pytest.raises(DataError, match="no format 'coco'.*dicts.*kitti"):
        found.to('coco')
    with pytest.raises(DataError, match="from the format 'frame'"):
        Detections.of(found.to('frame'), 'frame', NAMES)
    with pytest.raises(DataError, match="no class 'Bus' among Car, Pedestrian"):
        Detections.of([{**found.to('dicts')[0], 'class': 'Bus'}], 'dicts', NAMES)


def test_class_names_with_blanks_in_kitti_and_csv(tmp_path):
    found = Detections(np.array([[10, 2, -1.7, 4, 1.8, 1.5, 0.3]], np.float32),
                       np.array([0.9], np.float32), np.array([1]), ('Car', 'delivery  van, big'))
    line = found.to('kitti')
    assert line.split()[0] == 'delivery_van,_big' and len(line.split()) == 16
    same_boxes(Detections.of(line, 'kitti', found.class_names), found, 7)
    table = found.save(tmp_path / 'a.csv').read_text().splitlines()
    assert table[0] == 'class,x,y,z_bottom,dx,dy,dz,yaw,score'
    assert table[1].startswith('"delivery  van, big",10.0,2.0,')


@pytest.mark.parametrize(('change', 'message'), [
    (dict(x='a'), "x is 'a', no number"), (dict(dz=None), 'dz is None, no number'),
    (dict(yaw=float('nan')), 'yaw is nan, no finite number'), (dict(score=[]), 'score is')])
def test_dicts_that_are_no_detections(found, change, message):
    with pytest.raises(DataError, match=message):
        Detections.of([{**found.to('dicts')[0], **change}], 'dicts', NAMES)
    with pytest.raises(DataError, match='detections are dicts'):
        Detections.of([1], 'dicts', NAMES)
    unknown = {**found.to('dicts')[0], 'vx': float('nan'), 'vy': float('nan')}
    assert np.isnan(Detections.of([unknown], 'dicts', NAMES).boxes_3d[0, 7:]).all()


@pytest.mark.parametrize('word', ['x', 'nan', 'inf', '1,5'])
def test_kitti_lines_with_words_for_numbers(word):
    with pytest.raises(DataError, match=f"'{word}'"):
        Detections.of(f'Car 0 0 0 1 2 3 4 1 1 1 {word} 0 0 0 0.5', 'kitti', NAMES)


@pytest.mark.parametrize('label', [2, -1])
def test_a_label_without_a_name_is_refused(found, label):
    with pytest.raises(DataError, match=rf'label {label}, .* 2 classes .*Car, Pedestrian'):
        Detections(found.boxes_3d, found.scores, np.array([0, label]), NAMES)


@pytest.mark.parametrize('suffix', ['.json', '.npz'])
def test_numbers_are_read_back_with_their_classes(found, tmp_path, suffix):
    again = Detections.read(found.save(tmp_path / f'a{suffix}'))
    same_boxes(again, found)
    assert again.class_names == NAMES
    np.testing.assert_allclose(again.keypoints_3d, found.keypoints_3d)


def test_result_lines_are_read_back_with_the_classes_that_they_do_not_hold(found, tmp_path):
    path = found.save(tmp_path / 'a.txt', CAMERA)
    same_boxes(Detections.read(path, NAMES, CAMERA), found, 7)
    with pytest.raises(DataError, match='a.txt does not say which classes'):
        Detections.read(path)
    path.write_bytes(b'Car \xff' + b' x' * 14)
    with pytest.raises(DataError, match='a.txt holds no result lines'):
        Detections.read(path, NAMES)


@pytest.mark.parametrize('suffix', ['.json', '.npz'])
def test_files_without_detections_are_refused_by_name(tmp_path, suffix):
    path = tmp_path / f'a{suffix}'
    with pytest.raises(DataError, match=f'a{suffix} does not exist'):
        Detections.read(path)
    path.write_bytes(b'{"other": 1}')
    with pytest.raises(DataError, match=f'a{suffix} holds no detections'):
        Detections.read(path)
    with pytest.raises(DataError, match='a.svg cannot be read'):
        Detections.read(tmp_path / 'a.svg')


def test_a_name_belongs_to_one_format():
    with pytest.raises(ConfigError, match="called 'kitti': sparse3d.datasets.kitti.results and"):
        register_format('kitti', len)


@pytest.mark.parametrize('shape, packed', [((1 << 40, 7), b''), ((1, 7), b'\0' * 8),
                                           ((1 << 16, 7), b'\0' * (7 << 19))])
def test_arrays_that_would_fill_the_memory_are_refused(tmp_path, shape, packed):
    """A few bytes that declare 50 TB, another size than there is, and 3.7 MB of zeros in 4 kB."""
    header = io.BytesIO()
    npy_format.write_array_header_1_0(header, dict(descr='<f8', fortran_order=False, shape=shape))
    with zipfile.ZipFile(tmp_path / 'a.npz', 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('boxes_3d.npy', header.getvalue() + packed)
    with pytest.raises(DataError, match='holds no detections .*(declares|unpack)'):
        Detections.read(tmp_path / 'a.npz', ['Car'])


def test_a_place_that_cannot_hold_results_is_a_sentence(found, tmp_path):
    (tmp_path / 'file').write_text('')
    for suffix in ('json', 'csv', 'npz', 'svg'):
        with pytest.raises(DataError, match='could not be made'):
            found.save(tmp_path / f'file/a.{suffix}')


@pytest.mark.parametrize('threshold', [30, '0.3', float('nan'), None])
def test_thresholds_that_no_score_reaches_are_refused(found, threshold):
    with pytest.raises(DataError, match='score_threshold is .*; scores lie between 0 and 1'):
        found.filter(threshold)


def test_lists_are_arrays_and_odd_arrays_are_refused():
    box = [10.0, 2, -1.5, 4, 1.8, 1.6, 0.5]
    made = Detections([box], [0.5], [1.0], NAMES)
    assert made.names == ['Pedestrian'] and made.to('dicts')[0]['x'] == 10
    for values, message in ((([box[:6]], [0.5], [1], NAMES), r'shape \(1, 6\); \(N, 7\)'),
                            (([box], [0.5], [0.5], NAMES), 'labels are float64'),
                            (([box], [0.5], ['Car'], NAMES), 'labels are <U3'),
                            (([box], [0.5], [0], 'Car'), "class_names is the text 'Car'")):
        with pytest.raises(DataError, match=message):
            Detections(*values)


def test_a_list_of_labels_is_read_as_detections(tmp_path):
    rows = [{'class': name, 'x': '1.5', 'y': 2, 'z_bottom': 0, 'dx': 4, 'dy': 2, 'dz': 1, 'yaw': 0}
            for name in ('Car', 'Bus', 'Car')]
    (tmp_path / 'a.json').write_text(json.dumps(rows))
    found = Detections.read(tmp_path / 'a.json')
    assert found.class_names == ('Car', 'Bus') and found.names == ['Car', 'Bus', 'Car']
    assert found.boxes_3d[0, 0] == 1.5 and found.scores.tolist() == [1, 1, 1]
    (tmp_path / 'b.json').write_text('{"detections": [1]}')
    with pytest.raises(DataError, match='b.json holds no detections'):
        Detections.read(tmp_path / 'b.json')


@pytest.mark.parametrize('width', [7, 9])
@pytest.mark.parametrize('suffix', ['.csv', '.json', '.npz'])
def test_what_is_saved_as_numbers_is_read_again(tmp_path, suffix, width):
    boxes = np.arange(2 * width, dtype=np.float32).reshape(2, width) / 7 + 1
    found = Detections(boxes, np.array([.75, .5], np.float32), np.array([1, 0]),
                       ('Car', 'euro, "pallet"'), name='a')
    back = Detections.read(found.save(tmp_path / f'a{suffix}'))
    assert np.array_equal(back.boxes_3d, boxes) and np.array_equal(back.scores, found.scores)
    assert back.names == found.names and back.name == 'a'
    empty = Detections.read(found[[]].save(tmp_path / f'b{suffix}'), ['Car'])
    assert len(empty) == 0


@pytest.mark.parametrize(('text', 'message'), [
    ('', 'holds no detections: it is damaged, for it is empty'), ('\n', 'no header line class,x,y'),
    ('class;x;y\n', 'no header line'),
    ('class,x,y,z_bottom,dx,dy,dz,yaw,x\n', 'each once'),
    ('class,x,y,z_bottom,dx,dy,dz,yaw\nCar,1,2,3,4,5,6\n', 'box 1 of .* has 7 columns'),
    ('class,x,y,z_bottom,dx,dy,dz,yaw\nCar,1,2,3,4,5,6,0', 'cut short'),
    ('class,x,y,z_bottom,dx,dy,dz,yaw\nCar,1,2,3,4,5,6,a\n', "yaw is 'a', no number"),
    ('class,x,y,z_bottom,dx,dy,dz,yaw\nCar,1,2,3,4,5,6,inf\n', "yaw is 'inf'"),
])
def test_tables_of_something_else_are_refused(tmp_path, text, message):
    (tmp_path / 'a.csv').write_text(text)
    with pytest.raises(DataError, match=message):
        Detections.read(tmp_path / 'a.csv')


def test_ids_of_tracks_in_any_form(tmp_path):
    found = Detections(np.ones((2, 7)), np.ones(2), np.zeros(2, int), ('car', ))
    for ids, expected in (([1, 2], [1, 2]), (torch.tensor([1, 2]), [1, 2]),
                          (np.array(['a', None], object), ['a', '']), (['a', 'b'], ['a', 'b'])):
        given = replace(found, track_ids=ids)
        assert given.track_ids.tolist() == expected and given[[1]].track_ids.tolist() == \
            expected[1:]
        assert Detections.read(given.save(tmp_path / 'a.npz')).track_ids.tolist() == expected
    with pytest.raises(DataError, match=r'track_ids have the shape \(2, 2\)'):
        replace(found, track_ids=np.zeros((2, 2)))
