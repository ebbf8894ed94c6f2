"""Labeled frames of a custom data set: those kept for validation."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.datasets.custom.labeled_frames import labeled_frames, write_frames
from sparse3d.errors import DataError
from sparse3d.simulate.output_folder import STAMP
from sparse3d.structures.labeled_frame import LabeledFrame


def test_frames_of_the_validation_split_are_read(tmp_path):
    for folder in ('points', 'boxes', 'splits'):
        (tmp_path / folder).mkdir()
    for name in ('a', 'b'):
        np.save(tmp_path / f'points/{name}.npy', np.ones((5, 4), np.float32))
        (tmp_path / f'boxes/{name}.csv').write_text(
            'class,x,y,z_bottom,dx,dy,dz,yaw\nCar,1,2,-1,4,2,1.5,0\nDog,5,2,-1,1,1,1,0\n')
    assert [frame.name for frame in labeled_frames(tmp_path)] == ['a', 'b']
    (tmp_path / 'splits/val.txt').write_text('b\n')
    frame, = labeled_frames(tmp_path)
    assert frame.source == 'custom'
    (tmp_path / STAMP).write_text('{}')
    assert labeled_frames(tmp_path)[0].source == 'simulated'
    assert (frame.name, frame.points.shape, frame.kinds.tolist()) == ('b', (5, 3), ['Car', 'Other'])


def test_a_folder_without_frames_is_refused(tmp_path):
    with pytest.raises(DataError, match='no frame'):
        labeled_frames(tmp_path)


@pytest.mark.parametrize('listed', ['splits/val.txt', 'boxes'])
def test_a_frame_without_a_cloud_is_named(tmp_path, listed):
    for folder in ('points', 'boxes', 'splits'):
        (tmp_path / folder).mkdir()
    np.save(tmp_path / 'points/a.npy', np.ones((5, 4), np.float32))
    for name in 'ab':
        (tmp_path / f'boxes/{name}.csv').write_text('class,x,y,z_bottom,dx,dy,dz,yaw\n')
    if listed != 'boxes':
        (tmp_path / listed).write_text('a\nb\n')
    with pytest.raises(DataError, match=f'{listed} has the frame b, and .*points no cloud of it'):
        labeled_frames(tmp_path)


def test_frames_of_another_data_set_become_custom_data(tmp_path):
    points = np.array([[5., 0, 0], [-5, 0, 0]], np.float32)
    boxes = np.array([[5, 0, -1, 4, 2, 1.5, .25], [9, 0, -1, 1, 1, 1, 0.]])
    frames = [LabeledFrame('other', name, points, boxes, np.array(['Car', 'Riderless'], object),
                           lambda centers: centers[:, 0] > 0) for name in ('a', 'b')]
    write_frames(frames, tmp_path, ['b'])
    frame, = labeled_frames(tmp_path)
    assert (frame.name, frame.kinds.tolist()) == ('b', ['Car'])
    np.testing.assert_allclose(frame.boxes, boxes[:1])
    np.testing.assert_array_equal(frame.points, points[:1])
    assert (tmp_path / 'splits/train.txt').read_text().split() == ['a']


def test_frames_are_not_written_over_others(tmp_path):
    frame = LabeledFrame('other', 'a', np.zeros((3, 3), np.float32), np.zeros((0, 7)),
                         np.array([], object))
    with pytest.raises(DataError, match='two frames are named a'):
        write_frames([frame, frame], tmp_path / 'new')
    with pytest.raises(DataError, match='no frame b to validate on; there are a'):
        write_frames([frame], tmp_path / 'new', ['b'])
    assert not (tmp_path / 'new').exists()
    write_frames([frame], tmp_path / 'new')
    with pytest.raises(DataError, match='points is there already'):
        write_frames([frame], tmp_path / 'new')
