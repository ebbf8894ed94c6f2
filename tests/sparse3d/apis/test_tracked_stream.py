"""Streams with a tracker behind a detector."""
from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmdet3d.structures import LiDARInstance3DBoxes
from mmengine.structures import InstanceData

from sparse3d.apis import detector as detector_file
from sparse3d.apis.detector import Detector, detections_of
from sparse3d.apis.tracked_stream import TrackedStream, TrackedVideo, chosen_tracker
from sparse3d.errors import ConfigError, DataError
from sparse3d.structures.detections import Detections
from sparse3d.tracking import TwoStageTracker

BOX = [10, 2, -1.7, 4, 1.8, 1.5, 0.3]


def detect(points=None, images=None, calibration=None, score_threshold=0.0) -> Detections:
    found = Detections(np.array([BOX]), np.ones(1), np.zeros(1, int), ('Car',))
    return found.filter(score_threshold)


def test_one_identity_until_another_scene_begins():
    stream = TrackedStream(detect, chosen_tracker('two_stage', dict(min_hits=1)))
    pose = np.eye(4)
    ids = [stream(np.zeros((1, 4)), timestamp=time, ego_pose=pose, scene=scene).ids.tolist()
           for time, scene in ((0.0, 'a'), (0.1, 'a'), (0.0, 'b'))]
    assert ids == [[0], [0], [1]]
    stream.reset()
    assert stream(timestamp=-5.0, ego_pose=pose, scene='b').ids.tolist() == [2]
    with pytest.raises(DataError, match='is there twice'):
        stream(timestamp=-5.0, ego_pose=pose, scene='b')


def test_a_refused_frame_of_another_scene_leaves_the_tracks():
    stream = TrackedStream(detect, chosen_tracker('two_stage', dict(min_hits=1)))
    assert stream(timestamp=0.0, scene='a').ids.tolist() == [0]
    with pytest.raises(DataError, match="the time of frame frame is 'later'"):
        stream(timestamp='later', scene='b')
    assert stream(timestamp=.1, scene='a').ids.tolist() == [0]


def test_a_stream_that_answers_later_gives_tracks_of_its_answers():
    def answer(number, scene='a'):
        instances = InstanceData(
            bboxes_3d=LiDARInstance3DBoxes(torch.tensor([BOX])), scores_3d=torch.ones(1),
            labels_3d=torch.zeros(1, dtype=torch.long))
        return SimpleNamespace(number=number, scene=scene, timestamps=np.array([.1 * number]),
                               lidar2global=np.eye(4), instances=instances)

    class Late:
        def __call__(self, frame):
            return [answer(frame - 1)] if frame else []

        def flush(self):
            return [answer(3), answer(0, 'b')]

        def reset(self):
            self.was_reset = True

    video = TrackedVideo(Late(), TwoStageTracker(), lambda instances, name: detections_of(
        instances, ['Car'], name=name))
    got = [[one.ids.tolist() for one in video(frame)] for frame in range(3)]
    assert got == [[], [[0]], [[0]]]
    assert [one.ids.tolist() for one in video.flush()] == [[0], [1]]
    video.reset()
    assert video.stream.was_reset


def test_every_detector_streams_with_a_tracker(monkeypatch):
    detector = Detector.__new__(Detector)
    detector.model, detector.class_names = object(), ('Car',)
    monkeypatch.setattr(detector_file, 'plugin_of', lambda model: None)
    assert isinstance(detector.stream(tracker='greedy'), TrackedStream)
    own = TwoStageTracker()
    assert detector.stream(tracker=own).tracker is own
    with pytest.raises(ConfigError, match="no tracker 'sort'"):
        detector.stream(tracker='sort')
    with pytest.raises(DataError, match="no option 'interval'"):
        detector.stream(tracker='greedy', interval=2)
    with pytest.raises(ConfigError, match='looks at single frames'):
        detector.stream()
