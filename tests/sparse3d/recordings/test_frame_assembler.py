"""Messages in any order in, moments out: points of several sensors and times in one frame."""
from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip('rosbags', reason='rosbags is not installed (extra recordings)')

from recorded_drive import POINT, at, cloud, simple_drive, transform
from sparse3d.errors import ConfigError
from sparse3d.recordings.frame_assembler import AssemblyOptions, FrameAssembler
from sparse3d.recordings.left_out import LeftOut
from sparse3d.recordings.topics import Choice
from sparse3d.transforms.given_arrays import EarlierSweeps

CHOICE = Choice(('/lidar/points', ), transforms=('/tf', ), static=('/tf_static', ))
COLUMNS = ('x', 'y', 'z', 'intensity')


def assembled(drive, choice=CHOICE, columns=COLUMNS, sweeps=None, **options):
    left_out = LeftOut()
    made = FrameAssembler(choice, left_out, columns, (), sweeps, AssemblyOptions(**options))
    frames = []
    for topic, each, time in sorted(drive.messages, key=lambda one: one[2]):
        frames += made.take(topic, each, time)
    return frames + made.flush(), left_out.sentences()


def test_a_moment_is_a_cloud_with_its_pose():
    frames, left_out = assembled(simple_drive())
    assert left_out == [] and [frame.stamp for frame in frames] == [at(k / 10) for k in range(5)]
    assert {frame.frame for frame in frames} == {'lidar'}
    assert {frame.fixed_frame for frame in frames} == {'odom'}
    np.testing.assert_allclose([frame.fixed_from_frame[:3, 3] for frame in frames],
                               [(k + 1, 0, 2) for k in range(5)], atol=1e-9)
    np.testing.assert_allclose(frames[3].points[0], [17, 3, 0, 7], atol=1e-6)


def test_earlier_sweeps_lie_on_the_points_of_now():
    frames, left_out = assembled(simple_drive(), columns=(*COLUMNS, 'age'),
                                 sweeps=EarlierSweeps(2, 1.0))
    assert left_out == [] and [len(frame.points) for frame in frames] == [2, 3, 4, 4, 4]
    last = frames[-1].points  # its own two, then the standing point twice; the car's own is gone
    np.testing.assert_allclose(last[[0, 2, 3], :4], [[16, 3, 0, 7]] * 3, atol=1e-4)
    np.testing.assert_allclose(last[:, 4], [0, 0, .1, .2], atol=1e-6)


def test_without_transforms_there_is_one_sweep_and_it_is_said():
    drive = simple_drive()
    drive.messages = [one for one in drive.messages if one[0] == '/lidar/points']
    frames, left_out = assembled(drive, columns=(*COLUMNS, 'age'), sweeps=EarlierSweeps(2))
    assert [len(frame.points) for frame in frames] == [2] * 5
    assert left_out == ['moments: without earlier sweeps: nothing says how lidar moves (/tf or '
                        'odometry) (5 times)']
    assert assembled(drive)[1] == []  # who wants no sweeps misses nothing


def test_a_hole_in_the_transforms_is_said():
    drive = simple_drive(10)
    drive.messages = [one for one in drive.messages
                      if one[0] != '/tf' or not at(.25) < one[2] < at(.75)]
    frames, left_out = assembled(drive, sweeps=EarlierSweeps(1), columns=(*COLUMNS, 'age'))
    assert len(frames) == 10 and any(frame.fixed_from_frame is not None for frame in frames)
    alone = assembled(simple_drive(10))[0]  # between two known poses it is interpolated
    for one, other in zip(frames, alone, strict=True):
        if one.fixed_from_frame is not None:  # or a little beyond them, it is extended
            np.testing.assert_allclose(one.fixed_from_frame, other.fixed_from_frame, atol=1e-6)
    assert any('poses: no transform of base_link within 0.1 s' in line for line in left_out)


def two_lidars(rear_offset=0.0, rear_known=True):
    """The second LiDAR looks back; both see the same standing point."""
    drive = simple_drive()
    if rear_known:
        drive.add('/tf_static', transform('base_link', 'rear', (-1, 0, 1), np.pi), 0)
    for number in range(5):
        seconds = number / 10 + .04
        standing = np.array([[-(20 + 1 - 10 * seconds + 1), -3, 1, 5]])  # in the frame of the rear
        drive.add('/rear/points', cloud(standing, seconds + rear_offset, 'rear'), seconds + .01)
    return drive


BOTH = Choice(('/lidar/points', '/rear/points'), transforms=('/tf', ), static=('/tf_static', ))


def test_points_of_two_lidars_are_one_cloud_compensated_for_the_motion():
    frames, left_out = assembled(two_lidars(), BOTH)
    assert left_out == [] and [len(frame.points) for frame in frames] == [3] * 5
    for frame in frames:
        np.testing.assert_allclose(frame.points[2, :3], frame.points[0, :3], atol=1e-4)


def test_a_clock_that_is_off_is_brought_to_the_first():
    offsets = {'/rear/points': -3 * 10 ** 9}
    choice = Choice(BOTH.clouds, transforms=('/tf', ), static=('/tf_static', ), offsets=offsets)
    frames, left_out = assembled(two_lidars(3.0), choice)
    assert left_out == []
    np.testing.assert_allclose(frames[2].points[2, :3], frames[2].points[0, :3], atol=1e-4)
    frames, left_out = assembled(two_lidars(3.0), choice, clock='stamps')
    assert {len(frame.points) for frame in frames} == {2}
    assert left_out == ['moments: without a cloud of /rear/points within 0.11 s (5 times)']


def test_a_lidar_without_transform_is_left_out_and_counted():
    frames, left_out = assembled(two_lidars(rear_known=False), BOTH)
    assert [len(frame.points) for frame in frames] == [2] * 5
    assert left_out == ['clouds of /rear/points: no transform connects rear with odom (5 times)']


def test_another_frame_is_the_base():
    frames, _ = assembled(simple_drive(), frame='base_link')
    assert frames[0].frame == 'base_link'
    np.testing.assert_allclose(frames[0].points[0, :3], [21, 3, 2], atol=1e-6)
    frames, left_out = assembled(simple_drive(), frame='absent')
    assert frames == [] and 'no transform connects lidar with absent (5 times)' in left_out[0]


def test_empty_clouds_nan_and_damaged_clouds_are_counted():
    drive = simple_drive(2)
    drive.add('/lidar/points', cloud(np.zeros((0, 4)), .2), .22)
    drive.add('/lidar/points', cloud([[np.nan, 0, 0, 0], [np.inf, 0, 0, 0]], .3), .32)
    drive.add('/lidar/points', cloud([[np.nan, 0, 0, 0], [9, 0, 0, 0]], .4), .42)
    drive.add('/lidar/points', cloud([[9, 9, 0, 0]], .5, width=40), .52)
    drive.add('/lidar/points', cloud([[np.nan] * 4, [9, 0, 0, 0]], .6, is_dense=False), .62)
    drive.add('/lidar/points', cloud([[7e5, 4e6, 0, 0]], .7), .72)
    frames, left_out = assembled(drive)
    assert [frame.stamp for frame in frames] == [at(.0), at(.1), at(.4), at(.6)]
    assert len(frames[2].points) == len(frames[3].points) == 1
    text = '\n'.join(left_out)
    for words in ('clouds of /lidar/points: empty (once)', 'no finite point in them (once)',
                  'NaN or infinity in a cloud that declares none (3 times)',
                  'damaged: ', 'map coordinates'):
        assert words in text
    assert len([line for line in left_out if not line.startswith('poses')]) == 5


def test_a_clock_that_jumps_begins_anew():
    drive = simple_drive(5)
    for step in range(0, 50):  # the clock was set back by an hour
        drive.add('/tf', transform('odom', 'base_link', (100 + step * .1, 0, 0),
                                   seconds=step / 100 - 3600), .6 + step / 100)
    for number in range(4):
        drive.add('/lidar/points', cloud([[9, 9, 0, 0]], number / 10 - 3600), .62 + number / 10)
    frames, left_out = assembled(drive, columns=(*COLUMNS, 'age'), sweeps=EarlierSweeps(3))
    assert left_out[0] == ('jumps of the clock of /lidar/points: sweeps, transforms and tracks '
                           'begin anew (once)')
    assert [frame.stamp for frame in frames][:5] == [at(k / 10) for k in range(5)]
    after = [frame for frame in frames if frame.stamp < at(0)]
    assert len(after) == 4 and len(after[0].points) == 1 and len(after[3].points) > 1
    assert after[-1].fixed_from_frame[0, 3] > 100


def test_duplicate_and_late_clouds_are_left_out():
    drive = simple_drive(3)
    drive.add('/lidar/points', cloud([[9, 9, 0, 0]], .2), .23)
    drive.add('/lidar/points', cloud([[9, 9, 0, 0]], .15), .24)
    frames, left_out = assembled(drive)
    assert len(frames) == 3 and left_out == [
        'messages of /lidar/points: they have the same time as the one before (once)',
        'messages of /lidar/points: they are older than the one before (once)']


def test_points_of_a_turning_lidar_are_moved_to_one_moment():
    """A wall 30 m ahead, seen while the car drives 1 m in a tenth of a second."""
    kind = np.dtype([*POINT.descr, ('time', '<f4')])
    drive = simple_drive(3)
    drive.messages = [one for one in drive.messages if one[0] != '/lidar/points']
    points = np.zeros(64, kind)
    points['time'] = np.linspace(-.1, 0, 64)
    points['x'] = 30 - 10 * (.1 + points['time'])
    drive.add('/lidar/points', cloud(points, .1), .12)
    bent, = assembled(drive)[0]
    straight, = assembled(drive, deskew=True)[0]
    assert np.ptp(bent.points[:, 0]) > .9 and np.ptp(straight.points[:, 0]) < .05
    assert straight.points[:, 0].mean() == pytest.approx(29, abs=.02)


def test_fewer_moments_on_demand():
    frames, _ = assembled(simple_drive(20), rate=2)
    assert [frame.stamp for frame in frames] == [at(k / 2) for k in range(4)]
    with pytest.raises(ConfigError, match='neither may be negative'):
        AssemblyOptions(rate=-1)


def test_memory_does_not_grow_with_the_drive():
    made = FrameAssembler(BOTH, LeftOut(), (*COLUMNS, 'age'), (), EarlierSweeps(3))
    sizes = []
    for number in range(900):
        seconds = number / 10
        made.take('/tf', transform('odom', 'lidar', (seconds, 0, 0), seconds=seconds), at(seconds))
        made.take('/rear/points', cloud([[1, 2, 3, 4]], seconds, 'lidar'), at(seconds))
        made.take('/lidar/points', cloud([[1, 2, 3, 4]], seconds), at(seconds))
        edge = made.tree._moving['lidar']
        sizes.append((len(edge.poses), len(made._waiting), len(made._history),
                      len(made._others['/rear/points'])))
    assert max(sizes) <= (202, 5, 3, 24) and max(sizes[600:]) == max(sizes[300:600])


@pytest.mark.parametrize('topic, foreign', [
    ('/lidar/points', transform('a', 'b')), ('/tf', cloud([[1, 2, 3, 4]])),
    ('/tf_static', cloud([[1, 2, 3, 4]]))])
def test_messages_of_another_type_on_a_topic_are_counted(topic, foreign):
    frames, left_out = assembled(simple_drive().add(topic, foreign, .2))
    assert len(frames) == 5 and left_out == [
        f'messages of {topic}: of another type than those that its topic was chosen for (once)']


def test_transforms_that_are_none_are_counted():
    broken = transform('odom', 'base_link', (np.nan, 0, 0), seconds=.1)
    drive = simple_drive().add('/tf', broken, .1)
    frames, left_out = assembled(drive)
    assert len(frames) == 5 and left_out == [
        'transforms of /tf: a place or rotation that is none (NaN, or too large) (once)']


def test_a_fixed_frame_that_is_not_there_is_said():
    frames, left_out = assembled(simple_drive(), fixed_frame='mapp')
    assert all(frame.fixed_from_frame is None for frame in frames) and left_out == [
        'poses: mapp (--fixed-frame) is not above lidar; sweeps and tracks go without (5 times)']


@pytest.mark.parametrize('change', [dict(rate=float('nan')), dict(rate=float('inf')),
                                    dict(wait=float('nan'))])
def test_rates_that_are_none_are_refused(change):
    with pytest.raises(ConfigError, match='may be negative or without an end'):
        AssemblyOptions(**change)
