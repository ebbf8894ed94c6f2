"""Tracks as data."""
from __future__ import annotations

import numpy as np
import pytest
import torch

from sparse3d.errors import ConfigError, DataError
from sparse3d.structures.detections import Detections
from sparse3d.structures.tracks import Tracks, are_somebody, register_tracks_format, whole_ids

BOXES = np.arange(18, dtype=float).reshape(2, 9) + 1


def some(**changes) -> Tracks:
    return Tracks(**{**dict(boxes_3d=BOXES, scores=[.9, .5], labels=[1, 0],
                            class_names=('car', 'bus'), ids=[7, 3], ages=[4, 0],
                            states=['confirmed', 'lost'], timestamp=2.5), **changes})


def test_rows_and_single_tracks():
    tracks = some()
    first, second = tracks
    assert (first.id, first.name, first.age, first.state) == (7, 'bus', 4, 'confirmed')
    assert first.velocity.tolist() == [8, 9] and second.score == .5
    assert tracks[1].ids.tolist() == tracks[[False, True]].ids.tolist() == [3]
    assert tracks.in_state('lost').ids.tolist() == [3] and len(tracks[[]]) == 0
    assert tracks[0].timestamp == 2.5


def test_detections_with_ids_and_back():
    found = Detections(BOXES[:, :7], np.array([.9, .5]), np.array([1, 0]), ('car', 'bus'),
                       name='a')
    tracks = Tracks.of(found, [1, 2], timestamp=1.0)
    assert np.isnan(tracks.boxes_3d[:, 7:]).all() and tracks.name == 'a'
    assert tracks.detections.names == ['bus', 'car']
    assert len(Tracks.of(found[[]], [])) == 0


@pytest.mark.parametrize(('changes', 'words'), [
    (dict(boxes_3d=BOXES[:, :8]), r'have the shape \(2, 8\)'),
    (dict(ids=[1]), '2 boxes of tracks do not go with 1 ids'),
    (dict(ids=[3, 3]), 'the id 3 stands 2 times in frame frame'),
    (dict(labels=[0, 2]), 'a track has the label 2, but there are names for 2 classes'),
    (dict(boxes_3d=[['a'] * 9] * 2), 'the boxes of tracks are .*, no real numbers'),
    (dict(scores=.9), r'2 boxes of tracks do not go with 1 scores of the shape \(\)'),
    (dict(scores=['x', 'y']), 'the scores of tracks are .*, no real numbers'),
    (dict(labels=['car', 'bus']), 'the labels of tracks are'),
    (dict(labels=[.5, 1]), 'the labels of tracks are 0.5 among others; give whole numbers'),
    (dict(ids=[3.5, 1]), 'the ids of tracks are 3.5'), (dict(ids=None), 'the ids of tracks are'),
    (dict(ids=[np.nan, 1]), 'the ids of tracks are nan'), (dict(ages=None), 'the ages of tracks'),
    (dict(states='lost'), 'do not go with 1 states of the shape'),
    (dict(class_names='car'), "class_names is the text 'car'"),
    (dict(class_names=None), 'class_names is None'),
    (dict(states=['confirmed', 'gone']), "has the state 'gone'; there are tentative")])
def test_what_is_no_track(changes, words):
    with pytest.raises(DataError, match=words):
        some(**changes)


def test_tensors_and_whole_numbers_as_floats():
    tracks = some(boxes_3d=torch.tensor(BOXES, requires_grad=True), ids=torch.tensor([7, 3]),
                  labels=[1.0, 0.0])
    assert [(one.id, one.name) for one in tracks] == [(7, 'bus'), (3, 'car')]


def test_an_id_is_the_same_in_all_forms():
    assert whole_ids([7, 8]).tolist() == whole_ids([7.0, 8.0]).tolist() == \
        whole_ids(['7', '8']).tolist() == [7, 8]
    words = whole_ids(['a', 'b'])
    assert whole_ids(words).tolist() == words.tolist() and words.min() > 10 ** 12


def test_who_is_nobody():
    assert are_somebody(['3', '-1', '', 'None', 'a-1']).tolist() == [
        True, False, False, False, True]
    assert are_somebody(np.array([3.0, -1.0, np.nan])).tolist() == [True, False, False]
    assert are_somebody([]).shape == (0,)


def test_a_state_that_is_none():
    with pytest.raises(DataError, match="'away' is no state"):
        some().in_state('away')


@pytest.mark.parametrize('name', ['t.json', 't.csv', 't.npz'])
def test_saved_and_read_with_ids(tmp_path, name):
    tracks = some(boxes_3d=np.tile([[1, 2, 0, 4, 2, 1.5, 0.3, 1, 0.]], (2, 1)))
    back = Tracks.read(tracks.save(tmp_path / name))
    assert back.ids.tolist() == [7, 3] and back.names == tracks.names
    np.testing.assert_allclose(back.boxes_3d, tracks.boxes_3d)


def test_formats_by_name_hold_ids():
    import sparse3d.register  # noqa: F401
    tracks = some(boxes_3d=np.tile([[10, 2, 0, 4, 2, 1.5, 0.3, 1, 0.]], (2, 1)))
    assert [item['track_id'] for item in tracks.to('dicts')] == [7, 3]
    records = tracks.to('nuscenes', sample_token='t')
    assert [record['tracking_id'] for record in records] == ['7', '3']
    assert tracks.to('waymo')['ids'].tolist() == [7, 3]
    assert [line.split()[:3] for line in tracks.to('kitti', frame=4).splitlines()] == [
        ['4', '7', 'bus'], ['4', '3', 'car']]
    named = some(boxes_3d=tracks.boxes_3d, class_names=('BUS', 'TRUCK'))
    assert named.to('argoverse2', log_id='l')['track_uuid'].tolist() == ['7', '3']
    assert tracks.to('frame').detections.track_ids.tolist() == [7, 3]
    with pytest.raises(DataError, match="no option 'color'|'color'"):
        tracks.to('kitti', color=1)


def test_a_text_of_kitti_has_no_ids_and_a_file_without_ids_is_no_track(tmp_path):
    with pytest.raises(DataError, match='cannot hold ids'):
        some().save(tmp_path / 'a.txt')
    boxes = np.tile([[1, 2, 0, 4, 2, 1.5, 0.3]], (1, 1))
    path = Detections(boxes, [.5], [0], ('car',)).save(tmp_path / 'a.json')
    with pytest.raises(DataError, match='detections without track_id; track them first'):
        Tracks.read(path)


def test_words_as_ids_are_the_same_number_everywhere():
    one, two = whole_ids(['a', '12']), whole_ids(['b', 'a'])
    assert one[0] == two[1] and one[1] == 12 and len({*one, *two}) == 3


def test_two_formats_of_one_name_are_refused():
    import sparse3d.register  # noqa: F401
    with pytest.raises(ConfigError, match="two formats of tracks are called 'kitti'"):
        register_tracks_format('kitti', lambda tracks: None)
