"""Stamps, jumps and clocks that differ."""
from __future__ import annotations

from types import SimpleNamespace

import pytest

from sparse3d.errors import ConfigError
from sparse3d.recordings.clocks import Clocks, offsets_of

SECOND = 10 ** 9


def stamped(time):
    stamp = SimpleNamespace(sec=time // SECOND, nanosec=time % SECOND)
    return SimpleNamespace(header=SimpleNamespace(stamp=stamp))


def readings(times, mode='stamps', delay=0):
    clocks = Clocks(mode)
    return [clocks.read('/a', stamped(time), logged + delay) for time, logged in times]


def test_a_steady_clock_has_no_faults():
    found = readings([(time * SECOND, time * SECOND + 5) for time in range(1, 9)])
    assert all(not each.fault and not each.jump for each in found)


@pytest.mark.parametrize('times, jump', [
    ([(100, 100), (101, 101), (50, 102)], -52), ([(100, 100), (101, 101), (400, 102)], 298),
    ([(100, 100), (100.5, 100.5), (104, 101)], 3)])
def test_a_jump_is_told_from_a_break(times, jump):
    found = readings([(round(a * SECOND), round(b * SECOND)) for a, b in times])
    assert [each.jump for each in found[:2]] == [0, 0]
    assert found[2].jump == pytest.approx(jump) and not found[2].fault
    minute = readings([(SECOND, SECOND), (61 * SECOND, 61 * SECOND)])
    assert minute[1].jump == 0  # nothing was recorded for that long
    late = readings([(SECOND, SECOND), (SECOND + 10 ** 8, 4 * SECOND)])
    assert late[1].jump == 0 and not late[1].fault  # only written late


def test_messages_that_stand_twice_or_come_late_are_named():
    found = readings([(100 * SECOND, 100 * SECOND), (100 * SECOND, 101 * SECOND),
                      (100 * SECOND - 10 ** 8, 101 * SECOND)])
    assert found[1].fault == 'they have the same time as the one before'
    assert found[2].fault == 'they are older than the one before'


def test_other_clocks():
    assert readings([(0, 7)])[0].stamp == 7           # nobody set the stamp
    assert readings([(5, 7)], 'log')[0].stamp == 7
    shifted = Clocks('aligned', {'/a': -2})
    assert shifted.read('/a', stamped(5), 9).stamp == 3
    assert shifted.read('/b', stamped(5), 9).stamp == 5
    with pytest.raises(ConfigError, match="the clock is 'sun'; there are aligned, stamps, log"):
        Clocks('sun')


def test_a_clock_that_differs_is_shifted_and_a_delay_is_not():
    delays = {'/first': 5e7, '/late': 1.2e8, '/ahead': -3.5e8, '/behind': 9e9}
    assert offsets_of(delays, '/first') == {'/ahead': -400_000_000, '/behind': 8_950_000_000}
    assert offsets_of(delays, '/absent') == {}


@pytest.mark.parametrize('stamp, logged, mode', [
    (0, 2 ** 63, 'stamps'), (5 * SECOND, 2_300_000_000 * SECOND, 'log'), (-SECOND, 7, 'stamps')])
def test_times_that_ros_2_cannot_say_are_named(stamp, logged, mode):
    found, = readings([(stamp, logged)], mode)
    assert found.fault == 'their time does not lie between 1970 and 2038, which ROS 2 can say'
