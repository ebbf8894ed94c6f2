"""Entries of result files: what the devkit reads, and what others write."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.apis import Detections
from sparse3d.errors import DataError

CLASSES = ('car', 'pedestrian', 'bicycle', 'barrier', 'bus')
ENTRY = dict(sample_token='t', translation=[1, 2, 3.], size=[1, 2, 3.], rotation=[1, 0, 0, 0.],
             velocity=[1, 2.], detection_name='car', detection_score=.5, attribute_name='')
TRACKED = {**{key: value for key, value in ENTRY.items() if 'detection' not in key},
           'tracking_id': '7', 'tracking_name': 'bus', 'tracking_score': .25}


def test_the_devkit_reads_the_best_five_hundred():
    devkit = pytest.importorskip('nuscenes.eval.detection.data_classes')
    boxes = np.tile([10, 1, -1, 4.5, 1.8, 1.6, .2, 1., 0], (700, 1))
    boxes[::2, 7:] = 0
    boxes[5, 0] = np.nan  # the devkit would refuse the whole file
    found = Detections(boxes, np.linspace(1, 0, 700), np.arange(700) % 5, CLASSES)
    entries = found.to('nuscenes', sample_token='token')
    read = [devkit.DetectionBox.deserialize(entry) for entry in entries]
    assert len(read) == 500 and min(box.detection_score for box in read) > .27
    assert {box.attribute_name for box in read if box.detection_name == 'car'} == {
        'vehicle.moving', 'vehicle.parked'}
    assert {box.attribute_name for box in read if box.detection_name == 'barrier'} == {''}


def test_results_of_trackers_and_velocities_of_other_lengths_are_read():
    entries = [ENTRY, TRACKED, {**ENTRY, 'velocity': [1, 2, 3.]},
               {key: value for key, value in ENTRY.items() if key != 'velocity'},
               {**ENTRY, 'velocity': [float('nan')] * 2}]
    found = Detections.of(entries, 'nuscenes', CLASSES)
    assert found.names == ['car', 'bus', 'car', 'car', 'car']
    assert found.scores.tolist() == [.5, .25, .5, .5, .5]
    np.testing.assert_array_equal(found.boxes_3d[:3, 7:], [[1, 2]] * 3)
    assert np.isnan(found.boxes_3d[3:, 7:]).all()


@pytest.mark.parametrize(('change', 'message'), [
    (dict(translation=[1, 2]), r'translation of entry 1 .*not 3 numbers'),
    (dict(size='big'), r'size of entry 1 .*not 3 numbers'),
    (dict(rotation=[1, 0, 0, 'x']), r"rotation of entry 1 is 'x', no number"),
    (dict(translation=[1, 2, float('inf')]), r'translation of entry 1 is inf, no finite number'),
    (dict(velocity=[1]), r'velocity of entry 1 .*not 2 numbers'),
    (dict(detection_score='high'), r"score of entry 1 is 'high', no number"),
    (dict(detection_name='tram'), "no class 'tram'"),
    (dict(detection_name=None), "no class 'None'"),
])
def test_what_is_no_result_is_one_sentence(change, message):
    with pytest.raises(DataError, match=message):
        Detections.of([ENTRY, {**ENTRY, **change}], 'nuscenes', CLASSES)


def test_a_missing_key_is_named():
    bare = {key: value for key, value in ENTRY.items() if 'detection' not in key}
    with pytest.raises(DataError, match='neither detection_name nor tracking_name'):
        Detections.of([bare], 'nuscenes', CLASSES)
    with pytest.raises(DataError, match='entry 0'):
        Detections.of(['text'], 'nuscenes', CLASSES)
