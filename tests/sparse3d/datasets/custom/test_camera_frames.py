"""Pictures of earlier frames, seen from the points of now."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sparse3d.datasets.custom.camera_frames import CustomCameraFrames
from sparse3d.errors import ConfigError
from sparse3d.transforms.camera_frames import FrameChoice


def entry(number, scene, **changes):
    pose = np.eye(4)
    pose[0, 3] = 10.0 * number  # ten meters ahead with each frame
    image = dict(img_path=f'images/A/{number}.png', lidar2cam=np.eye(4).tolist(),
                 cam2img=np.eye(4).tolist())
    return {**dict(sample_idx=f'f{number}', scene_token=scene, timestamp=float(number),
                   lidar2global=pose.tolist(), images=dict(A=image)), **changes}


ENTRIES = [entry(0, 'x'), entry(1, 'x', images={}), entry(2, 'x'), entry(3, 'y')]


def test_earlier_pictures_of_the_scene():
    frames = CustomCameraFrames(ENTRIES, Path('/data'), FrameChoice(3), 'infos.pkl')
    now, before, first = frames.load(2, training=False)
    assert now['A'].path == '/data/images/A/2.png' and now['A'].timestamp == 2.0
    assert before == {} and first['A'].path == '/data/images/A/0.png'
    # a point 1 m ahead of now lies 21 m ahead of frame 0
    np.testing.assert_allclose(first['A'].lidar2cam @ [1, 0, 0, 1], [21, 0, 0, 1])
    np.testing.assert_allclose(now['A'].lidar2cam, np.eye(4))
    alone = frames.load(3, training=True)  # the first of its scene: the past looks like now
    assert [frame['A'].path for frame in alone] == ['/data/images/A/3.png'] * 3


def test_several_frames_need_times_and_poses():
    bare = [{key: value for key, value in ENTRIES[0].items()
             if key in ('sample_idx', 'images')}]
    image, = CustomCameraFrames(bare, Path('/data'), FrameChoice(1), 'infos.pkl').load(0, True)
    assert image['A'].timestamp == 0.0
    with pytest.raises(ConfigError, match='no time and pose of f0: .*frames.json'):
        CustomCameraFrames(bare, Path('/data'), FrameChoice(2), 'infos.pkl')
