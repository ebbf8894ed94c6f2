"""Transforms over time against poses that are computed otherwise."""
from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation, Slerp

pytest.importorskip('rosbags', reason='rosbags is not installed (extra recordings)')

from recorded_drive import at, transform
from sparse3d.recordings.transform_tree import HORIZON, MissingTransform, TransformTree


def matrix(position, yaw):
    made = np.eye(4)
    made[:3, :3], made[:3, 3] = Rotation.from_euler('z', yaw).as_matrix(), position
    return made


def tree_of(*messages, static=()):
    tree = TransformTree()
    for each in static:
        tree.add(each, static=True)
    for each in messages:
        tree.add(each)
    return tree


def test_frames_are_connected_over_their_common_parent():
    tree = tree_of(static=[transform('base', 'left', (1, 2, 3), .5),
                           transform('base', 'right', (1, -2, 0), -1.2),
                           transform('right', 'camera', (0, 0, 1), 2.0)])
    wanted = np.linalg.inv(matrix((1, 2, 3), .5)) @ matrix((1, -2, 0), -1.2) @ matrix((0, 0, 1), 2)
    np.testing.assert_allclose(tree.lookup('left', 'camera', 0), wanted, atol=1e-12)
    np.testing.assert_allclose(tree.lookup('/camera', 'left', 0), np.linalg.inv(wanted), atol=1e-12)
    assert tree.base_frame('camera') == 'base' and not tree.moves('camera')
    assert tree.fixed_frame('camera') is None
    assert tree.fixed_frame('camera', 'base') == 'base'  # a sensor that stands still


def test_between_two_transforms_it_is_interpolated():
    tree = tree_of(transform('odom', 'base', (0, 0, 0), 3.0, 0.0),
                   transform('odom', 'base', (10, 5, 0), -2.8, 1.0))  # over the cut at pi
    found = tree.lookup('odom', 'base', at(.25))
    turn = Slerp([0, 1], Rotation.from_euler('z', [[3.0], [-2.8]]))(.25).as_matrix()
    np.testing.assert_allclose(found[:3, 3], [2.5, 1.25, 0])
    np.testing.assert_allclose(found[:3, :3], turn, atol=1e-9)


def test_beyond_its_ends_nothing_is_made_up():
    tree = tree_of(transform('odom', 'base', (1, 0, 0), seconds=1.0))
    assert tree.lookup('odom', 'base', at(1.05))[0, 3] == 1
    for seconds in (.8, 1.2):
        with pytest.raises(MissingTransform, match='no transform of base within 0.1 s'):
            tree.lookup('odom', 'base', at(seconds))
    with pytest.raises(MissingTransform, match='no transform connects other with base'):
        tree.lookup('base', 'other', 0)


def test_an_edge_is_extended_a_little_and_a_long_hole_is_none():
    tree = tree_of(*(transform('odom', 'base', (second, 0, 0), seconds=second)
                     for second in (0.0, .5, 9.0)))
    assert tree.lookup('odom', 'base', at(9.05))[0, 3] == 9      # the one before is too far off
    assert tree.lookup('odom', 'base', at(.55))[0, 3] == pytest.approx(.55)
    assert tree.lookup('odom', 'base', at(-.1))[0, 3] == pytest.approx(-.1)
    with pytest.raises(MissingTransform):
        tree.lookup('odom', 'base', at(4))


def test_what_is_older_than_the_horizon_is_forgotten():
    tree = TransformTree()
    for second in range(100):
        tree.add(transform('odom', 'base', (second, 0, 0), seconds=second))
    edge = tree._moving['base']
    assert len(edge.times) == len(edge.poses) == HORIZON // 10 ** 9 + 1


def test_odom_stands_still_before_map_and_tf_knows_more_than_odometry():
    def odometry(x):
        from sparse3d.recordings.simulated_messages import odometry
        return odometry((x, 0, 0), (1, 0, 0, 0), at(0), 'world', 'base')
    tree = TransformTree()
    tree.add_odometry(odometry(5))
    assert tree.fixed_frame('base') == 'world' and tree.lookup('world', 'base', at(0))[0, 3] == 5
    tree.add(transform('odom', 'base', (7, 0, 0)))
    tree.add_odometry(odometry(6))
    tree.add(transform('map', 'odom', (100, 0, 0)))
    assert tree.fixed_frame('base') == 'odom' and tree.fixed_frame('base', 'map') == 'map'
    assert tree.lookup('map', 'base', at(0))[0, 3] == 107
    assert tree.fixed_frame('base', 'absent') is None


def test_transforms_that_are_none_are_passed_over():
    nothing = transform('odom', 'base')
    nothing.transforms[0].transform.rotation.w = 0.0
    tree = tree_of(nothing, transform('odom', 'base', (np.nan, 0, 0)), transform('a', 'a'))
    assert not tree.moves('base') and tree.lookup('base', 'base', 0).tolist() == np.eye(4).tolist()


def test_a_circle_ends():
    tree = tree_of(transform('b', 'a'), transform('a', 'b'))
    tree.lookup('a', 'b', at(0))
    assert tree.reaches('a', at(0)) and tree.base_frame('a') == 'a'
    with pytest.raises(MissingTransform):
        tree.lookup('c', 'a', at(0))


def test_reaching_is_knowing_all_that_moves_above():
    tree = tree_of(transform('map', 'odom', seconds=2.0), transform('odom', 'base', seconds=1.0))
    assert tree.reaches('base', at(1.0)) and not tree.reaches('base', at(1.5))
    tree.forget_moving()
    assert not tree.moves('base')


@pytest.mark.parametrize('place, size', [((np.nan, 0, 0), 1), ((1e200, 0, 0), 1), ((0, 0, 0), 0),
                                         ((0, 0, 0), 1e200)])
def test_a_transform_that_is_none_is_not_used_and_counted(place, size):
    made = transform('base', 'sensor', place)
    turn = made.transforms[0].transform.rotation
    turn.z, turn.w = 0.0, float(size)
    tree = TransformTree()
    assert tree.add(made) == tree.add(made, static=True) == 1
    assert tree.add(transform('base', 'camera')) == 0
    with pytest.raises(MissingTransform):
        tree.lookup('base', 'sensor', at(0))
