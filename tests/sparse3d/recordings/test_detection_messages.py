"""Boxes as messages: what a reader of the formats sees is where the box is."""
from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip('rosbags', reason='rosbags is not installed (extra recordings)')

from recorded_drive import at
from sparse3d.recordings.detection_messages import (
    Outgoing,
    boxes_of,
    detection_array,
    scene_update,
)
from sparse3d.recordings.message_types import type_store
from sparse3d.structures.detections import Detections
from sparse3d.structures.tracks import Tracks

NAMES = ('car', 'pedestrian')
FOUND = Detections(np.array([[10, -2, -1, 4, 2, 1.5, np.pi / 2, 3, 1],
                             [5, 1, 0, .6, .6, 1.8, -3, 0, 0]]),
                   np.array([.9, .4]), np.array([0, 1]), NAMES)


def test_a_detection_array_has_centers_in_the_middle():
    made = detection_array(FOUND, at(1.25), 'lidar_top')
    assert (made.header.stamp.sec, made.header.stamp.nanosec) == (at(1.25) // 10 ** 9, 250_000_000)
    first = made.detections[0]
    assert made.header.frame_id == first.header.frame_id == 'lidar_top' and first.id == ''
    center, size, turn = first.bbox.center.position, first.bbox.size, first.bbox.center.orientation
    assert (center.x, center.y, center.z) == (10, -2, -.25)
    assert (size.x, size.y, size.z) == (4, 2, 1.5)
    assert (turn.z, turn.w) == pytest.approx((np.sqrt(.5), np.sqrt(.5)))
    best = first.results[0].hypothesis
    assert (best.class_id, best.score) == ('car', .9)


def test_encoded_and_decoded_the_boxes_are_the_same():
    out = Outgoing('/boxes', detection_array(FOUND, at(0), 'lidar'), at(0))
    back = boxes_of(type_store().deserialize_cdr(out.data, out.type), NAMES)
    np.testing.assert_allclose(back.boxes_3d, FOUND.boxes_3d[:, :7], atol=1e-5)
    assert back.names == FOUND.names and back.scores.tolist() == pytest.approx([.9, .4])


def test_tracks_have_their_ids():
    tracks = Tracks.of(FOUND, [17, 4])
    assert [each.id for each in detection_array(tracks, at(0), 'lidar').detections] == ['17', '4']
    entities = scene_update(tracks, at(0), 'lidar').entities
    assert [each.id for each in entities] == ['17', '4']
    assert [each.texts[0].text for each in entities] == ['car #17', 'pedestrian #4']


def test_a_scene_replaces_the_one_before():
    made = scene_update(FOUND, at(0), 'lidar')
    assert [each.type for each in made.deletions] == [1]
    cube = made.entities[0].cubes[0]
    assert (cube.pose.position.z, cube.size.x) == (-.25, 4) and made.entities[0].frame_id == 'lidar'
    assert {each.key: each.value for each in made.entities[0].metadata} == {
        'class': 'car', 'score': '0.900', 'vx': '3.000', 'vy': '1.000'}
    empty = scene_update(FOUND.filter(.99), at(0), 'lidar')
    assert empty.entities == [] and len(empty.deletions) == 1


def test_mcap_readers_of_ros_2_decode_them():
    """By a library that shares no code with the one that encoded them."""
    dynamic = pytest.importorskip('mcap_ros2._dynamic', reason='mcap-ros2-support is not installed')
    from sparse3d.recordings.message_types import definition_of
    for made in (detection_array(FOUND, at(0), 'lidar'), scene_update(FOUND, at(0), 'lidar')):
        out = Outgoing('/boxes', made, at(0))
        decoder = dynamic.generate_dynamic(out.type, definition_of(out.type))[out.type]
        found = decoder(out.data)
        rows = found.detections if hasattr(found, 'detections') else found.entities
        assert len(rows) == 2
        first = rows[0]
        place = (first.bbox.center if hasattr(first, 'bbox') else first.cubes[0].pose).position
        assert (place.x, place.y, place.z) == (10, -2, -.25)
