import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from sparse3d.datasets.waymo.prepare import merge_waymo, preparation, prepare_waymo
from sparse3d.errors import DataError
from sparse3d.transforms.info_files import read_info_file, read_plain_file

REPOSITORY = Path(__file__).resolve().parents[5]
FIXTURE = REPOSITORY / 'tests' / 'fixtures' / 'waymo_frame'
PEDESTRIAN = '8Zbjpem9uUbZJAyaWok7n7'


def entries(out, split='train'):
    return read_info_file(out / f'waymo_infos_{split}.pkl', 'waymo')['data_list']


@pytest.fixture
def published():
    return json.loads((FIXTURE / 'waymo_infos_train.json').read_text())


def test_all_splits(waymo_v1):
    report = prepare_waymo(waymo_v1)
    out = waymo_v1 / 'kitti_format'
    assert report.frames == dict(train=4, val=2, trainval=6)
    assert [entry['sample_idx'] for entry in entries(out, 'trainval')] == [
        0, 1, 1000, 1001, 1000000, 1000001]
    last = entries(out, 'val')[1]
    assert last['lidar_points']['lidar_path'] == '1000001.bin'
    assert (out / 'validation' / 'image_4' / '1000001.jpg').stat().st_size > 1000
    assert not list(out.glob('.prepare*'))


@pytest.mark.parametrize('version', ['v1', 'v2'])
def test_layout_and_values_of_mmdet3d(request, version, published):
    root = request.getfixturevalue(f'waymo_{version}')
    prepare_waymo(root)
    info = read_info_file(root / 'kitti_format' / 'waymo_infos_train.pkl', 'waymo')
    assert published['metainfo'].items() <= info['metainfo'].items()
    other_view = published['data_list'][1]['cam_sync_instances'][2]
    assert other_view['camera_id'] == 3
    # mmdet3d names the most visible camera but gives the pixels of the first one that sees it.
    other_view['bbox'] = pytest.approx([119.14682896, 51.49143708, 192, 88])
    for theirs, mine in zip(published['data_list'], info['data_list'][:2], strict=True):
        _assert_holds(theirs, mine, 'entry')


def _assert_holds(theirs, mine, where):
    """Every field of theirs is in mine, floats to the float32 that mmdet3d stores."""
    if isinstance(theirs, dict):
        for key in theirs:
            _assert_holds(theirs[key], mine[key], f'{where}.{key}')
    elif isinstance(theirs, list):
        assert len(theirs) == len(mine), where
        for index, pair in enumerate(zip(theirs, mine, strict=True)):
            _assert_holds(*pair, f'{where}[{index}]')
    elif isinstance(theirs, float):
        assert mine == pytest.approx(theirs, rel=2e-7, abs=2e-5), where
    else:
        assert mine == theirs, where


def test_point_files_are_those_of_mmdet3d(waymo_v2, official):
    prepare_waymo(waymo_v2)
    folder = waymo_v2 / 'kitti_format' / 'training'
    for frame in range(2):
        rows = np.fromfile(folder / f'velodyne/000000{frame}.bin', '<f4').reshape(-1, 6)
        theirs = official[f'frame{frame}/mmdet3d_rows']
        assert len(theirs) == -(-len(rows) // 20)
        np.testing.assert_array_equal(rows[::20, 3:], theirs[:, 3:])
        np.testing.assert_allclose(rows[::20, :3], theirs[:, :3], rtol=0, atol=4e-3)
        others = theirs[:, 5] < 0   # not the TOP LiDAR
        np.testing.assert_allclose(rows[::20][others, :3], theirs[others, :3], rtol=0, atol=1e-5)


def test_points_in_no_label_zones_can_be_kept(waymo_v2):
    prepare_waymo(waymo_v2, out=waymo_v2 / 'without')
    prepare_waymo(waymo_v2, out=waymo_v2 / 'with', keep_no_label_zones=True)
    kept, dropped = ({kind: np.fromfile(waymo_v2 / out / f'training/{kind}/0000000.bin', dtype)
                      .reshape(-1, columns) for kind, dtype, columns in
                      (('velodyne', '<f4', 6), ('point_origin', 'u1', 3))}
                     for out in ('with', 'without'))
    inside = kept['point_origin'][:, 2] == 1
    assert inside.sum() == 376
    for kind in kept:
        np.testing.assert_array_equal(kept[kind][~inside], dropped[kind])
    lidar, number = kept['point_origin'][:, :2].T
    np.testing.assert_array_equal(lidar == 1, kept['velodyne'][:, 5] >= 0)
    assert set(lidar) == {1, 2, 3, 4, 5} and list(np.unique(number)) == [1, 2]
    assert (np.diff(number.astype(int)) >= 0).all()


def test_what_mmdet3d_does_not_store(waymo_v1):
    prepare_waymo(waymo_v1)
    entry = entries(waymo_v1 / 'kitti_format')[0]
    person = next(item for item in entry['instances'] if item['track_id'] == PEDESTRIAN)
    assert (person['difficulty'], person['num_top_lidar_pts']) == (1, 64)
    assert np.shape(person['keypoints_3d']) == (14, 3)
    assert person['keypoints_visible'][:3] == [1, 2, 2]
    rotation = np.array(entry['ego2global'])[:3, :3]
    np.testing.assert_allclose(
        rotation @ [*person['velocity'], 0], [-1.88896, -0.55102, 0], atol=0.05)
    with_joints = [item for item in entry['instances'] if 'keypoints_3d' in item]
    assert len(with_joints) == 2   # the third person with joints has no points
    label = next(item for item in entry['camera_labels'] if item['track_id'] == PEDESTRIAN)
    assert np.shape(label['keypoints_2d']) == (14, 2) and label['camera_id'] == 2
    assert entry['conditions']['weather'] == 'sunny'
    assert np.shape(entry['no_label_zones']) == (1, 4, 2)


def test_stamp(waymo_v2):
    (waymo_v2 / 'simulation.json').write_text('{"seed": 3}')
    prepare_waymo(waymo_v2, keep_no_label_zones=True)
    info = read_info_file(waymo_v2 / 'kitti_format' / 'waymo_infos_train.pkl', 'waymo')
    stamp = info['metainfo']['stamp']
    assert stamp['source'] == 'simulated: {"seed": 3}'
    assert stamp['options'] == dict(
        version='v2', keep_no_label_zones=True, database_interval=5)
    assert 'bottom center' in stamp['box_convention'] and stamp['split'] == 'train'


def test_parts_merge_to_the_whole(waymo_v1):
    whole, parts = waymo_v1 / 'whole', waymo_v1 / 'parts'
    prepare_waymo(waymo_v1, out=whole)
    prepare_waymo(waymo_v1, out=parts, shard=(2, 2))
    with pytest.raises(DataError, match='lacks part 1 of 2'):
        merge_waymo(parts)
    prepare_waymo(waymo_v1, out=parts, shard=(1, 2))
    assert merge_waymo(parts).frames == dict(train=4, val=2, trainval=6)
    for name in ('train', 'val', 'trainval'):
        first, second = (read_info_file(out / f'waymo_infos_{name}.pkl', 'waymo')
                         for out in (whole, parts))
        assert repr(first) == repr(second)
    assert not list(parts.glob('*.part-*'))


def test_parts_with_other_options_do_not_merge(waymo_v1):
    prepare_waymo(waymo_v1, shard=(1, 2))
    prepare_waymo(waymo_v1, shard=(2, 2), keep_no_label_zones=True)
    with pytest.raises(DataError, match='different options'):
        merge_waymo(waymo_v1 / 'kitti_format')


def test_a_stopped_run_continues(waymo_v1, monkeypatch):
    real, calls = preparation._write_frame, []

    def stops_in_the_second_segment(frame, folder, name, *rest):
        calls.append(name)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(frame, folder, name, *rest)

    monkeypatch.setattr(preparation, '_write_frame', stops_in_the_second_segment)
    with pytest.raises(KeyboardInterrupt):
        prepare_waymo(waymo_v1)
    prepare_waymo(waymo_v1)
    assert calls == ['0000000', '0000001', '0001000', '0001000', '0001001', '1000000', '1000001']


def test_a_damaged_file_is_named_and_left_out_on_request(waymo_v1):
    path = waymo_v1 / 'training' / 'segment-a.tfrecord'
    content = bytearray(path.read_bytes())
    content[5000] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match='segment-a.tfrecord, record 0.*--skip-damaged'):
        prepare_waymo(waymo_v1)
    report = prepare_waymo(waymo_v1, skip_damaged=True)
    assert report.frames == dict(train=2, val=2, trainval=4) and len(report.damaged) == 1
    assert entries(waymo_v1 / 'kitti_format')[0]['sample_idx'] == 1000   # numbers do not shift


def test_several_processes_give_the_same(waymo_v1):
    prepare_waymo(waymo_v1, out=waymo_v1 / 'one')
    prepare_waymo(waymo_v1, out=waymo_v1 / 'two', workers=2)
    assert repr(entries(waymo_v1 / 'one', 'trainval')) == repr(
        entries(waymo_v1 / 'two', 'trainval'))


def test_what_is_no_data_set(waymo_v1, waymo_v2, tmp_path):
    with pytest.raises(DataError, match='both versions'):
        prepare_waymo(waymo_v1)
    assert prepare_waymo(waymo_v1, version='v2', splits=['train']).frames == dict(train=2)
    with pytest.raises(DataError, match='no split'):
        prepare_waymo(waymo_v1, version='v1', splits=['test'])
    with pytest.raises(DataError, match='not a Waymo data set'):
        prepare_waymo(tmp_path / 'nothing')
    with pytest.raises(DataError, match='part 3 of 2'):
        prepare_waymo(waymo_v1, version='v1', shard=(3, 2))


def run_tool(monkeypatch, *words):
    monkeypatch.setattr(sys, 'argv', ['create_data.py', 'waymo', *map(str, words)])
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(REPOSITORY / 'tools' / 'create_data.py'), run_name='__main__')
    return stop.value.code


def test_command_line(waymo_v1, monkeypatch, capsys):
    for part in ('1/2', '2/2'):
        assert run_tool(monkeypatch, waymo_v1, '--shard', part, '--workers', 1) == 0
    assert run_tool(monkeypatch, waymo_v1, '--merge') == 0
    assert 'frames: train 4, val 2, trainval 6' in capsys.readouterr().out
    assert run_tool(monkeypatch, waymo_v1, '--merge') == 2
    assert 'no parts to merge' in capsys.readouterr().err
    assert run_tool(monkeypatch, waymo_v1, '--shard', '3/2') == 2
    assert "'3/2' is not a part" in capsys.readouterr().err


def database(out, name='waymo_dbinfos_train'):
    return read_plain_file(out / f'{name}.pkl')


def test_objects_for_sampling(waymo_v1):
    prepare_waymo(waymo_v1)
    out = waymo_v1 / 'kitti_format'
    everything, people = database(out), database(out, 'waymo_people_dbinfos_train')
    assert set(everything) == {'Car', 'Pedestrian', 'Cyclist'} and set(people) == {'Car', 'Human'}
    assert len(everything['Car']) == len(people['Car']) > 2
    entry = next(item for item in people['Human'] if item['image_idx'] == '0000000')
    instance = entries(out)[0]['instances'][entry['gt_idx']]
    points = np.fromfile(out / entry['path'], '<f4').reshape(-1, 6)
    assert len(points) == entry['num_points_in_gt'] and not points[:, 5].any()
    assert (points[:, 2] > 0).all() and (points[:, 2] < instance['bbox_3d'][5]).all()
    np.testing.assert_allclose(entry['keypoints_3d'] + instance['bbox_3d'][:3],
                               instance['keypoints_3d'], atol=1e-5)
    assert entry['keypoints_visible'].tolist() == instance['keypoints_visible']


def test_objects_of_parts_are_those_of_one_run(waymo_v1):
    prepare_waymo(waymo_v1, out=waymo_v1 / 'whole')
    for part in (1, 2):
        prepare_waymo(waymo_v1, out=waymo_v1 / 'parts', shard=(part, 2))
    merge_waymo(waymo_v1 / 'parts')
    for name in ('waymo_dbinfos_train', 'waymo_people_dbinfos_train'):
        one, other = database(waymo_v1 / 'whole', name), database(waymo_v1 / 'parts', name)
        assert {key: [item['path'] for item in items] for key, items in one.items()} == {
            key: [item['path'] for item in items] for key, items in other.items()}
    assert not list((waymo_v1 / 'parts').glob('*.part-*'))


def test_no_objects_on_request(waymo_v2):
    report = prepare_waymo(waymo_v2, database_interval=0)
    assert not report.objects and not list((waymo_v2 / 'kitti_format').glob('*dbinfos*'))


def test_folders_without_segments_and_segments_that_stand_twice_are_told(waymo_v1):
    """The fixture's three files hold one segment."""
    assert 'stands in train (number 0) and in train (number 1) and in val' in str(
        prepare_waymo(waymo_v1))
    for path in (waymo_v1 / 'training').iterdir():
        path.rename(f'{path}.gz')
    said = str(prepare_waymo(waymo_v1))
    assert f'left out: {waymo_v1 / "training"} holds no *.tfrecord' in said
    assert 'left out' not in str(prepare_waymo(waymo_v1, splits=['val']))
    assert 'stands in' not in said
