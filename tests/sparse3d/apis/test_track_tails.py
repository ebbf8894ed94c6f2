"""Tails of tracks are in the frame of now, go back two seconds, and need drives."""
from __future__ import annotations

import numpy as np

from sparse3d.apis.track_tails import SECONDS, TrackTails
from sparse3d.structures.detections import Detections
from sparse3d.structures.tracks import whole_ids
from sparse3d.transforms.info_files import write_info_file
from sparse3d.visualization.frame import Boxes, Frame
from tracked_entries import CAR, entries


class FewFrames:
    """A data set of entries, and results with one track of the car."""

    def __init__(self, folder, made):
        self.ann_file, self.metainfo, self._made = folder / 'i.pkl', {}, made
        write_info_file(self.ann_file, dict(dataset='custom', stamp=dict(format_version=1)), made)

    def choose_frames(self, made):
        return made

    def get_data_info(self, index):
        return dict(row=index)

    def quietly(self, info):
        return Detections(np.array([CAR]), [.9], [0], ('car',), track_ids=np.array([self.one]))


def tails(tmp_path, made, index, one=4, drawn=4):
    few = FewFrames(tmp_path, made)
    few.one = one
    boxes = Boxes(np.array([CAR]), np.zeros(1, int), np.ones(1), track_ids=np.array([drawn]))
    frame = Frame('f', np.zeros((0, 4)), ('car',), detections=boxes)
    return TrackTails(few, few).added(frame, index, few.quietly(None))


def test_the_vehicle_drives_so_the_tail_lies_behind(tmp_path):
    frame = tails(tmp_path, entries('custom'), 3)
    (label, path), = frame.trails
    assert label == 0 and frame.trail_ids == ('4',)
    np.testing.assert_allclose(path[:, 0], [7, 8, 9, 10])


def test_what_is_older_than_two_seconds_is_not_drawn(tmp_path):
    made = entries('custom', 6)
    for step, entry in enumerate(made):
        entry['timestamp'] = 0.9 * step
    assert len(tails(tmp_path, made, 5).trails[0][1]) == 1 + int(SECONDS / .9)


def test_frames_that_are_no_drive_have_none(tmp_path):
    made = entries('custom')
    for entry in made:
        del entry['timestamp']
    assert tails(tmp_path, made, 3).trails == ()


def test_ids_that_are_words_and_boxes_that_are_nobody(tmp_path):
    (number,) = whole_ids(['a-7'])
    for drawn in ('a-7', number):    # as the file has it, and as a report has it
        frame = tails(tmp_path, entries('custom'), 3, 'a-7', drawn)
        assert len(frame.trails) == 1 and frame.trail_ids == (str(drawn),)
    assert tails(tmp_path, entries('custom'), 3, '-1', '-1').trails == ()
