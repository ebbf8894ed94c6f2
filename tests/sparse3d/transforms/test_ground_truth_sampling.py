import warnings

import numpy as np
import pytest
import torch
from mmdet3d.registry import TRANSFORMS
from mmdet3d.structures import LiDARInstance3DBoxes, LiDARPoints
from shapely.geometry import Polygon

from grouped_arguments import grouped
from sparse3d.errors import ConfigError, DataError
from sparse3d.structures.box_geometry import bev_corners, points_in_box
from sparse3d.structures.keypoints import Keypoints3D
from sparse3d.transforms import GroundTruthSampling
from sparse3d.transforms.info_files import read_plain_file, write_plain_file
from sparse3d.transforms.object_database import load_index

CLASSES = ['Car', 'Pedestrian']


@pytest.fixture
def database(tmp_path):
    """Forty cars and five pedestrians at random places, with 8 points each."""
    random = np.random.default_rng(0)
    index = {name: [] for name in CLASSES}
    (tmp_path / 'objects').mkdir()
    for number in range(45):
        name = CLASSES[number // 40]
        box = np.array([random.uniform(2, 60), random.uniform(-30, 30), -1.7, 4, 1.6, 1.5,
                        random.uniform(-3, 3)], dtype=np.float32)
        points = random.uniform(-0.3, 0.3, (8, 4)).astype('<f4')
        points[:, 2] += 0.7
        (tmp_path / f'objects/{number}.bin').write_bytes(points.tobytes())
        index[name].append(dict(
            name=name, path=f'objects/{number}.bin', image_idx=number, gt_idx=0, group_id=number,
            box3d_lidar=box, num_points_in_gt=8, difficulty=number % 4 - 1, score=0.0))
    write_plain_file(tmp_path / 'index.pkl', index)
    return tmp_path


def sampler(database, **options):
    options = {'groups': dict(Car=15, Pedestrian=3), 'removed_difficulties': (),
               'info_path': str(database / 'index.pkl'), **options}
    return TRANSFORMS.build(dict(
        type='GroundTruthSampling', **grouped(
            GroundTruthSampling, data_root=str(database), classes=CLASSES, **options)))


def sample(boxes=(), labels=(), points=None, **more):
    points = np.zeros((0, 4), dtype=np.float32) if points is None else points
    boxes = np.asarray(boxes, dtype=np.float32).reshape(-1, 7)
    return dict(points=LiDARPoints(points, points_dim=4), **more,
                gt_bboxes_3d=LiDARInstance3DBoxes(boxes),
                gt_labels_3d=np.asarray(labels, dtype=np.int64))


def test_fills_up_to_the_wanted_number(database):
    present = [[10 + 6 * k, 0, -1.7, 4, 1.6, 1.5, 0] for k in range(6)]
    result = sampler(database)(sample(present, [0] * 6))
    labels = result['gt_labels_3d'].tolist()
    assert labels[:6] == [0] * 6 and 6 < labels.count(0) <= 15 and labels.count(1) <= 3
    assert len(result['points']) == 8 * (len(labels) - 6)
    np.testing.assert_array_equal(result['gt_bboxes_3d'].tensor[:6], np.float32(present))


def test_or_adds_the_wanted_number_whatever_is_there(database):
    present = [[200 + 6 * k, 0, -1.7, 4, 1.6, 1.5, 0] for k in range(14)]  # far away from all
    filled, added = (
        len(sampler(database, groups=dict(Car=15), fill_up=fill_up)(
            sample(present, [0] * 14))['gt_labels_3d']) - 14 for fill_up in (True, False))
    assert filled <= 1 and 5 < added <= 15


def test_nothing_overlaps_in_any_draw(database):
    transform = sampler(database)
    for seed in range(20):
        np.random.seed(seed)
        result = transform(sample([[20, 0, -1.7, 30, 10, 1.5, 0.4]], [0]))
        polygons = [Polygon(corners) for corners in
                    bev_corners(result['gt_bboxes_3d'].tensor.numpy())]
        areas = [a.intersection(b).area for i, a in enumerate(polygons) for b in polygons[:i]]
        assert max(areas, default=0) < 1e-3


def test_objects_bring_their_points_and_the_scene_makes_room(database):
    scene = np.random.default_rng(1).uniform((0, -30, -1.6, 0), (60, 30, -0.3, 1), (20000, 4))
    scene = scene.astype(np.float32)
    result = sampler(database)(sample(points=scene))
    boxes, points = result['gt_bboxes_3d'].tensor.numpy(), result['points'].tensor.numpy()
    assert len(boxes) > 5
    for box in boxes:
        inside = points[points_in_box(points, box)]
        assert len(inside) == 8
        assert np.abs(inside[:, :2] - box[:2]).max() < 0.31
    outside = np.ones(len(scene), dtype=bool)
    for box in boxes:
        outside[points_in_box(scene, box)] = False
    assert len(points) == outside.sum() + 8 * len(boxes)


def test_an_object_is_used_once_per_sample(database):
    result = sampler(database, groups=dict(Pedestrian=50))(sample())
    boxes = result['gt_bboxes_3d'].tensor
    assert len(boxes) == len(torch.unique(boxes, dim=0)) <= 5


def test_fades_out(database):
    transform = sampler(database, stop_epoch=8)
    assert len(transform(sample(epoch=7))['gt_labels_3d']) > 0
    assert len(transform(sample(epoch=8))['gt_labels_3d']) == 0


def test_ground_plane(database):
    plane = np.array([0.1, 0, 1, 1.0])   # z = -1 - 0.1 x
    result = sampler(database, use_ground_plane=True)(sample(plane=plane))
    boxes, points = result['gt_bboxes_3d'].tensor.numpy(), result['points'].tensor.numpy()
    np.testing.assert_allclose(boxes[:, 2], -1 - 0.1 * boxes[:, 0], atol=1e-4)
    assert all(len(points_in_box(points, box)) == 8 for box in boxes)


def test_a_sample_without_a_ground_plane_is_reported_once(database):
    transform = sampler(database, use_ground_plane=True)
    with pytest.warns(UserWarning, match='no ground plane, so objects keep their height'):
        transform(sample())
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        transform(sample())
        sampler(database)(sample())


def test_filters(database):
    transform = sampler(database, removed_difficulties=(-1, 0), min_points=dict(Pedestrian=9))
    assert {entry['difficulty'] for entry in transform.database['Car']} == {1, 2}
    assert transform.database['Pedestrian'] == []
    assert 1 not in transform(sample())['gt_labels_3d']


def test_velocity_of_added_objects_is_zero(database):
    item = sample()
    item['gt_bboxes_3d'] = LiDARInstance3DBoxes(torch.ones(1, 9), box_dim=9)
    item['gt_labels_3d'] = np.zeros(1, dtype=np.int64)
    boxes = sampler(database)(item)['gt_bboxes_3d'].tensor
    assert boxes.shape[1] == 9 and (boxes[1:, 7:] == 0).all() and len(boxes) > 1


def test_labels_have_their_type_without_any_object(database):
    result = sampler(database, groups=dict(Car=0))(sample())
    assert result['gt_labels_3d'].dtype == np.int64 and len(result['gt_bboxes_3d']) == 0


def test_a_group_that_is_no_class(database):
    with pytest.raises(ConfigError, match="groups has 'Tram'"):
        sampler(database, groups=dict(Tram=3))


def test_damaged_database(database):
    for number in range(45):
        (database / f'objects/{number}.bin').write_bytes(bytes(16))
    with pytest.raises(DataError, match='has 1 points, its index says 8'):
        sampler(database)(sample())
    with pytest.raises(DataError, match='absent.pkl does not exist: .*create-data.*data_root='):
        sampler(database, info_path=str(database / 'absent.pkl'))


def _rewrite(database, change):
    """Other boxes or points in every entry: ``change(box, points)``."""
    index = read_plain_file(database / 'index.pkl')
    for entry in (entry for entries in index.values() for entry in entries):
        path = database / entry['path']
        box, points = np.array(entry['box3d_lidar']), np.fromfile(path, '<f4').reshape(-1, 4)
        change(box, points)
        entry['box3d_lidar'] = box
        path.write_bytes(points.tobytes())
    write_plain_file(database / 'index.pkl', index)


def _from_the_middle(box, points):
    points[:, 2] -= box[5] / 2


def _in_place(box, points):
    points[:, :3] += box[:3]


def _exchanged(box, points):
    points[:, 0] *= 6      # along the car, whose length and width change places
    box[3:6], box[6] = box[[4, 3, 5]], 0


@pytest.mark.parametrize(('change', 'why'), [
    (_from_the_middle, 'counted from the middle of the box, as OpenPCDet does'),
    (_in_place, 'of another convention'), (_exchanged, 'of another convention')])
def test_a_database_of_another_program_is_refused_before_a_training(database, change, why):
    _rewrite(database, change)
    with pytest.raises(DataError, match=f'index.pkl do not lie in their boxes .*: .*{why}; make'):
        sampler(database)


def test_few_objects_and_absent_files_decide_nothing(database):
    _rewrite(database, _in_place)
    for number in range(4, 45):
        (database / f'objects/{number}.bin').unlink()
    sampler(database)
    with pytest.raises(DataError, match='does not exist'):
        sampler(database)(sample())


@pytest.mark.parametrize(('content', 'message'), [
    ({'Car': 3}, 'its class Car is int, not a list'), ({'Car': ['x']}, 'entry 0 of Car .* lacks'),
    ({'Car': [dict(path='a', box3d_lidar=[], difficulty=0)]}, 'lacks num_points_in_gt')])
def test_an_index_that_is_none_is_named(tmp_path, content, message):
    write_plain_file(tmp_path / 'index.pkl', content)
    with pytest.raises(DataError, match=message):
        load_index(str(tmp_path / 'index.pkl'), ('Car', ), ('Car', ), {}, {-1})


def test_paths_out_of_the_data_root_are_refused(database):
    transform = sampler(database)
    for entry in transform.database['Car']:
        entry['path'] = '../../etc/passwd'
    with pytest.raises(DataError, match='leaves the folder'):
        transform(sample())


def rewrite(database, change):
    """Change every entry of the index."""
    index = read_plain_file(database / 'index.pkl')
    for entries in index.values():
        for number, entry in enumerate(entries):
            change(number, entry)
    write_plain_file(database / 'index.pkl', index)


def test_known_velocities_come_along(database):
    rewrite(database, lambda number, entry: entry.update(
        box3d_lidar=np.append(entry['box3d_lidar'], [number + 1, -2]).astype(np.float32)))
    item = sample()
    item['gt_bboxes_3d'] = LiDARInstance3DBoxes(torch.zeros(0, 9), box_dim=9)
    boxes = sampler(database)(item)['gt_bboxes_3d'].tensor
    assert len(boxes) > 5 and (boxes[:, 7] >= 1).all() and (boxes[:, 8] == -2).all()
    assert sampler(database)(sample())['gt_bboxes_3d'].tensor.shape[1] == 7


def test_columns_that_the_scene_has(database):
    """Five columns in the database (x, y, z, intensity, age), three of them wanted."""
    for number in range(45):
        points = np.full((8, 5), 0.1, dtype='<f4')
        points[:, 4] = number
        (database / f'objects/{number}.bin').write_bytes(points.tobytes())
    item = sample(points=np.zeros((2, 4), dtype=np.float32))
    result = sampler(database, columns=5, use=[0, 1, 2, 4])(item)
    points = result['points'].tensor
    assert points.shape[1] == 4 and (points[:-2, 3] == points[:-2, 3].round()).all()
    assert len(points[:-2, 3].unique()) == len(result['gt_labels_3d'])
    with pytest.raises(ConfigError, match='4 numbers per point, the database 5'):
        sampler(database, columns=5)(sample(points=np.zeros((2, 4), dtype=np.float32)))


def test_background_objects_without_labels(database):
    index = read_plain_file(database / 'index.pkl')
    index['Van'] = [dict(entry, name='Van') for entry in index['Car']]
    write_plain_file(database / 'index.pkl', index)
    transform = sampler(database, groups=dict(Van=12, Pedestrian=3), unlabeled=['Van'])
    result = transform(sample())
    added = len(result['points']) // 8
    assert set(result['gt_labels_3d']) == {1} and added > len(result['gt_labels_3d']) + 3


def test_keypoints_and_attributes_come_along(database):
    joints = np.random.default_rng(0).normal(size=(14, 3))
    visible = np.arange(14) % 3

    def change(number, entry):
        if number % 2:
            entry.update(keypoints_3d=joints, keypoints_visible=visible, attr_label=3)

    rewrite(database, change)
    item = sample([[20, 0, -1.7, 4, 2, 1.5, 0]], [0], attr_labels=np.array([5]),
                  gt_keypoints_3d=Keypoints3D(torch.ones(1, 14, 3)))
    result = sampler(database)(item)
    keypoints, boxes = result['gt_keypoints_3d'], result['gt_bboxes_3d'].tensor
    assert len(keypoints) == len(boxes) == len(result['attr_labels']) > 5
    assert (keypoints.points[0] == 1).all() and (keypoints.visibility[0] == 2).all()
    labeled = result['attr_labels'] == 3
    assert labeled.any() and set(result['attr_labels']) == {3, 5, 8}
    for row in range(1, len(boxes)):
        expected = visible if labeled[row] else visible * 0
        np.testing.assert_array_equal(keypoints.visibility[row], expected)
        if labeled[row]:
            np.testing.assert_allclose(keypoints.points[row] - boxes[row, :3], joints, atol=1e-4)


def test_fields_that_are_unknown_for_added_objects(database):
    with pytest.raises(ConfigError, match='does not know gt_bboxes of the objects'):
        sampler(database)(sample(gt_bboxes=np.zeros((0, 4))))
