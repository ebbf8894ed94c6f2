"""Detection scores equal to those of av2 0.3.6, case by case."""
from __future__ import annotations

import json

import numpy as np
import pytest

from sparse3d.datasets.argoverse2.categories import CLASSES
from sparse3d.datasets.argoverse2.evaluate.box_columns import make_columns, rotation_of_yaw
from sparse3d.datasets.argoverse2.evaluate.detection_score import DetectionRules
from sparse3d.datasets.argoverse2.evaluate.evaluate import (
    LogPlace,
    evaluate_argoverse2,
    rows_of_logs,
)
from sparse3d.datasets.argoverse2.evaluate.map_rasters import (
    drivable_raster,
    find_map,
    read_drivable_areas,
    region_of_interest,
)
from sparse3d.datasets.argoverse2.feather_files import (
    QUATERNION,
    SIZE,
    TRANSLATION,
    read_feather,
    stacked,
)
from sparse3d.datasets.argoverse2.poses import EgoPoses, read_poses
from sparse3d.errors import DataError

REAL_LOG = 'argoverse2/sensor/val/7fab2350-7eaf-3b7e-a39d-6937a4c1bede'
TOP5 = ('BUS', 'PEDESTRIAN', 'REGULAR_VEHICLE', 'TRUCK', 'DOG')
OF_CASE = {
    'main_default_no_roi': ('main', {}, False), 'main_roi': ('main', {}, True),
    'main_roi_range50': ('main', dict(max_range=50.0), True),
    'main_classes_top5': ('main', dict(classes=TOP5, max_detections=5), False),
    'real_no_roi': ('real', {}, False), 'real_roi': ('real', {}, True)}


class Golden:
    """Inputs and outputs of the official package."""

    def __init__(self, folder, real) -> None:
        self.real = real / REAL_LOG
        folder = folder / 'metrics_argoverse2'
        with np.load(folder / 'detection_inputs.npz') as inputs:
            self.inputs = dict(inputs)
        with np.load(folder / 'detection_outputs.npz') as outputs:
            self.outputs = dict(outputs)
        self.results = json.loads((folder / 'detection_results.json').read_text())
        self.names = json.loads((folder / 'names.json').read_text())

    def columns(self, name, side, classes):
        if (name, side) == ('real', 'gts'):
            return real_objects(self.real, self.inputs['real_gts_row'], self.names)
        given = {key: self.inputs[f'{name}_{side}_{key}']
                 for key in ('log', 'timestamp', 'category', 'cuboid')}
        labels = np.array([classes.index(label) if label in classes else -1
                           for label in np.array(self.names['categories'])[given['category']]])
        more = dict(score=self.inputs[f'{name}_dts_score']) if side == 'dts' else dict(
            num_points=self.inputs[f'{name}_gts_num_interior_pts'])
        return make_columns(np.array(self.names['logs'], object)[given['log']],
                            given['timestamp'], labels, given['cuboid'], **more)

    def place(self, log):
        number = self.names['logs'].index(log)
        if number == 2:
            return LogPlace(read_poses(self.real),
                            region_of_interest(read_drivable_areas(find_map(self.real))))
        poses = self.inputs[f'poses_{number}']
        return LogPlace(EgoPoses.from_columns(self.inputs[f'timestamps_{number}'], poses[:, :4],
                                              poses[:, 4:]),
                        region_of_interest(self.polygons(number)))

    def polygons(self, number):
        return [self.inputs[f'polygon_{number}_{part}'] for part in range(3)]


def real_objects(log, rows, names):
    table = read_feather(log / 'annotations.feather', (
        'timestamp_ns', 'category', 'num_interior_pts', *SIZE, *QUATERNION, *TRANSLATION))
    boxes = stacked(table, (*TRANSLATION, *SIZE, *QUATERNION))[rows]
    labels = np.array([names['categories'].index(name) if name in names['categories'] else -1
                       for name in table['category'][rows]])
    return make_columns(np.full(len(rows), log.name, object), table['timestamp_ns'][rows], labels,
                        boxes, num_points=table['num_interior_pts'][rows])


@pytest.fixture(scope='module')
def golden(golden_dir, real_data_dir):
    return Golden(golden_dir, real_data_dir)


def test_all_cases(golden):
    assert len(golden.results) == 24
    for case, expected in golden.results.items():
        name, options, roi = OF_CASE.get(case, (case, {}, False))
        rules = DetectionRules(**options)
        dts, gts = (golden.columns(name, side, rules.classes) for side in ('dts', 'gts'))
        result = evaluate_argoverse2(dts, gts, rules, golden.place if roi else None)
        assert set(result.by_class) == set(expected['raw']), case
        for label, values in expected['raw'].items():
            for measure, value in values.items():
                assert result.by_class[label][measure] == pytest.approx(value, abs=1e-9), (
                    case, label, measure)
        given, kept = result.assignment, golden.outputs
        # The package assigns classes that were not asked for too; nothing is made of them.
        of, objects = dts.label >= 0, gts.label >= 0
        assert (given.dts_evaluated == kept[f'{case}_dts_is_evaluated'])[of].all(), case
        assert (given.gts_evaluated == kept[f'{case}_gts_is_evaluated'])[objects].all(), case
        assert (given.true_positive == kept[f'{case}_dts_tp'])[of].all(), case
        np.testing.assert_allclose(given.errors[of], kept[f'{case}_dts_errors'][of], atol=1e-9,
                                   err_msg=case)


@pytest.mark.parametrize('number', [0, 1, 2])
def test_rasters(golden, number):
    polygons = golden.polygons(number) if number < 2 else read_drivable_areas(
        find_map(golden.real))
    names = [f'{what}_{number}' if number < 2 else f'real_{what}' for what in (
        'drivable_raster', 'roi_raster')]
    shape = golden.outputs[f'raster_shape_{number}' if number < 2 else 'real_roi_raster_shape']
    origin = golden.outputs[f'raster_origin_{number}' if number < 2 else 'real_roi_raster_origin']
    for name, cells in zip(names, (drivable_raster(polygons)[0],
                                   region_of_interest(polygons).cells), strict=True):
        assert cells.shape == tuple(shape)
        stored = np.unpackbits(golden.outputs[name], axis=1)[:, :shape[1]]
        assert (cells == stored.astype(bool)).all()
    assert (drivable_raster(polygons)[1] == origin).all()


def boxes_at(*places):
    places = np.array(places, float)
    return np.column_stack([places, np.tile([4.0, 2, 1.5], (len(places), 1)),
                            rotation_of_yaw(np.zeros(len(places)))])


def of_sweep(boxes, **more):
    count = len(boxes)
    return make_columns(np.full(count, 'log', object), np.zeros(count), np.zeros(count), boxes,
                        **more)


RULES = DetectionRules(classes=('REGULAR_VEHICLE',))


def test_a_found_object():
    result = evaluate_argoverse2(of_sweep(boxes_at([10, 0.7, 0])), of_sweep(boxes_at([10, 0, 0])),
                                 RULES)
    assert result.scores['mAP'] == pytest.approx(0.75)     # beyond 0.5 m, within 1, 2 and 4 m
    assert result.scores['mATE'] == pytest.approx(0.7)
    assert result.scores['mCDS'] == pytest.approx(0.75 * np.mean([1 - 0.35, 1, 1]))
    assert 'REGULAR_VEHICLE' in result.table() and not result.notes


def test_a_far_detection_claims_its_nearest_object():
    dts = of_sweep(boxes_at([60, 0, 0], [10, 0, 0]), score=[0.9, 0.5])
    result = evaluate_argoverse2(dts, of_sweep(boxes_at([10, 0, 0])), RULES)
    assert result.scores['mAP'] == 0


def test_classes_without_objects_are_said():
    result = evaluate_argoverse2(of_sweep(boxes_at([10, 0, 0])), of_sweep(boxes_at([10, 0, 0])))
    assert result.scores['mAP'] == pytest.approx(1 / len(CLASSES))
    assert '25 of 26 classes have no object' in result.notes[0]


def test_many_pairs_in_pieces(monkeypatch):
    from sparse3d.datasets.argoverse2.evaluate import detection_score as module
    random = np.random.default_rng(0)
    dts = of_sweep(boxes_at(*random.uniform(-8, 8, (60, 3))), score=random.uniform(size=60))
    gts = of_sweep(boxes_at(*random.uniform(-8, 8, (40, 3))))
    whole = evaluate_argoverse2(dts, gts, RULES)
    monkeypatch.setattr(module, '_PAIRS_AT_ONCE', 50)
    assert evaluate_argoverse2(dts, gts, RULES).scores == whole.scores
    assert 0 < whole.scores['mAP'] < 1


def test_a_time_without_pose_is_refused():
    poses = EgoPoses.from_columns(np.array([5]), np.array([[1.0, 0, 0, 0]]), np.zeros((1, 3)))
    roi = region_of_interest([np.array([[0.0, 0], [5, 0], [5, 5]])])
    with pytest.raises(DataError, match='log log: .* no pose of the time 0 ns'):
        evaluate_argoverse2(of_sweep(boxes_at([1, 1, 0])), of_sweep(boxes_at([1, 1, 0])), RULES,
                            lambda log: LogPlace(poses, roi))


def test_rows_of_logs():
    found = rows_of_logs(np.array(['b', 'a', 'b', 'c', 'a'], object))
    assert {name: rows.tolist() for name, rows in found.items()} == dict(b=[0, 2], a=[1, 4], c=[3])
    assert rows_of_logs(np.zeros(0, object)) == {}


def test_unusable_boxes_are_refused():
    with pytest.raises(DataError, match='sizes above 0'):
        of_sweep(boxes_at([1, 1, 0]) * [[1, 1, 1, 0, 1, 1, 1, 1, 1, 1]])
    with pytest.raises(DataError, match='has to be|have to be finite'):
        of_sweep(boxes_at([np.nan, 1, 0]))
