"""Reading boxes: what is left out, and submissions that nuScenes would refuse."""
from __future__ import annotations

import copy
import json
import zipfile

import numpy as np
import pytest

from sparse3d.datasets.nuscenes.categories import CLASSES
from sparse3d.datasets.nuscenes.evaluate.detection_score import RULES, detection_curves
from sparse3d.datasets.nuscenes.evaluate.read_boxes import (
    box_columns,
    read_objects,
    read_submission,
    that_count,
    vehicle_positions,
)
from sparse3d.datasets.nuscenes.prepare.table_reader import NuScenesTables
from sparse3d.errors import DataError

RULES_2019 = RULES['detection_cvpr_2019']
BOX = dict(sample_token='t', translation=[10.0, 2.0, 0.5], size=[2.0, 4.0, 1.5],
           rotation=[1.0, 0.0, 0.0, 0.0], velocity=[1.0, 0.0], detection_name='car',
           detection_score=0.5, attribute_name='')


@pytest.fixture(scope='module')
def tiny(golden_dir, tmp_path_factory):
    folder = tmp_path_factory.mktemp('nuscenes_tiny')
    with zipfile.ZipFile(golden_dir / 'metrics_nuscenes/nuscenes_tiny.zip') as archive:
        archive.extractall(folder)
    return folder


def test_what_counts_is_what_the_devkit_kept(tiny):
    """Range, points and bicycle racks leave the boxes that the stored file lists."""
    stored = json.loads((tiny / 'filtered_boxes.json').read_text())
    tables = NuScenesTables('v1.0-mini', str(tiny))
    results = json.loads((tiny / 'results_nusc.json').read_text())['results']
    positions, tokens = vehicle_positions(tables, list(results)), list(results)
    everything = dict(pred=read_submission(results, positions, RULES_2019),
                      gt=read_objects(tables, positions))
    left_out = 0
    for side, boxes in everything.items():
        kept = that_count(boxes, RULES_2019, tables, tokens)
        expected = stored[side] if side in stored else stored[f'{side}_boxes']
        listed = sorted((box['sample_token'], box['detection_name'], *box['translation'])
                        for token in expected for box in expected[token])
        assert sorted((tokens[sample], CLASSES[label], *center) for sample, label, center in zip(
            kept.sample, kept.label, kept.center.tolist(), strict=True)) == listed
        without_tables = that_count(boxes, RULES_2019)
        left_out += len(without_tables) - len(kept)
        assert len(boxes) > len(without_tables)
    assert left_out > 0


def test_curves_are_the_stored_ones(tiny, golden_dir):
    """Precision, confidence and errors of every class and distance, from the files on."""
    stored = json.loads((golden_dir / 'metrics_nuscenes/metrics_details.json').read_text())
    tables = NuScenesTables('v1.0-mini', str(tiny))
    results = json.loads((tiny / 'results_nusc.json').read_text())['results']
    positions, tokens = vehicle_positions(tables, list(results)), list(results)
    pred, gt = (that_count(boxes, RULES_2019, tables, tokens) for boxes in (
        read_submission(results, positions, RULES_2019), read_objects(tables, positions)))
    found = detection_curves(pred, gt, RULES_2019)
    assert set(found) == set(stored) and len(found) == 40
    for key, curves in stored.items():
        assert set(found[key]) == set(curves)
        for name, values in curves.items():
            np.testing.assert_allclose(found[key][name], values, rtol=0, atol=1e-9,
                                       err_msg=f'{key} {name}')


def damaged(key, value):
    record = copy.deepcopy(BOX)
    if value is None:
        del record[key]
    else:
        record[key] = value
    return record


@pytest.mark.parametrize(('key', 'value', 'message'), [
    ('translation', None, 'translation of box 1 of sample t of the submission is absent'),
    ('size', [1.0, 2.0], r'size of box 1 .* is \[1.0, 2.0\], not 3 numbers'),
    ('rotation', 'abcd', "rotation of box 1 .* is 'abcd', not 4 numbers"),
    ('velocity', ['1', '2'], 'velocity of box 1 .* not 2 numbers'),
    ('translation', [0.0, float('nan'), 0.0], 'translation of box 1 .* is NaN'),
    ('detection_score', '0.5', "detection_score of box 1 .* is '0.5', not a number"),
    ('detection_score', float('nan'), 'detection_score of box 1 .* is NaN'),
    ('detection_name', 'Car', "detection_name of box 1 .* is 'Car'; nuScenes knows car, truck"),
    ('attribute_name', 'parked', "attribute_name of box 1 .* is 'parked'; nuScenes knows ''"),
    ('attribute_name', None, 'attribute_name of box 1 .* is absent'),
    ('sample_token', 'other', "box 1 .* says that it is of sample 'other'")])
def test_a_damaged_box_is_named(key, value, message):
    positions = {'t': np.zeros(3)}
    assert len(read_submission({'t': [BOX, BOX]}, positions, RULES_2019)) == 2
    with pytest.raises(DataError, match=message):
        read_submission({'t': [BOX, damaged(key, value)]}, positions, RULES_2019)


def test_too_many_boxes_and_no_list():
    positions = {'t': np.zeros(3)}
    assert len(read_submission({'t': [BOX] * 500}, positions, RULES_2019)) == 500
    with pytest.raises(DataError, match='sample t .* has 501 boxes; nuScenes takes at most 500'):
        read_submission({'t': [BOX] * 501}, positions, RULES_2019)
    with pytest.raises(DataError, match='has no list of boxes'):
        read_submission({'t': 3}, positions, RULES_2019)
    assert len(read_submission({}, positions, RULES_2019)) == 0


def test_columns_by_hand():
    turned = dict(BOX, rotation=[np.sqrt(.5), 0, 0, np.sqrt(.5)], num_pts=7)
    columns = box_columns([turned], 3, np.array([7.0, -2.0, 100.0]), 'a sample')
    assert columns.sample.tolist() == [3] and columns.label.tolist() == [CLASSES.index('car')]
    assert columns.distance.tolist() == [5.0] and columns.num_points.tolist() == [7]
    assert columns.yaw == pytest.approx([np.pi / 2]) and columns.attribute.tolist() == [-1]
    assert len(box_columns([], 0, np.zeros(3), 'a sample')) == 0


def test_an_annotation_of_two_attributes(tiny):
    tables = NuScenesTables('v1.0-mini', str(tiny))
    positions = vehicle_positions(tables, [tables.sample[0]['token']])
    row = next(row for row in tables.sample_annotation
               if row['sample_token'] in positions and row['category_name'] == 'vehicle.car')
    row['attribute_tokens'] = [item['token'] for item in tables.attribute[:2]]
    with pytest.raises(DataError, match=f'annotation {row["token"]} .* has 2 attributes'):
        read_objects(tables, positions)


def test_a_sample_without_lidar(tiny):
    tables = NuScenesTables('v1.0-mini', str(tiny))
    del tables.sample[0]['data']['LIDAR_TOP']
    with pytest.raises(DataError, match='has no LIDAR_TOP'):
        vehicle_positions(tables, [tables.sample[0]['token']])
