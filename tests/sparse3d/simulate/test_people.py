"""People are built like people, and their joints lie inside their boxes."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.simulate.people import Cyclist, Pedestrian
from sparse3d.simulate.skeleton import FOREARM, JOINTS, SHANK, THIGH, UPPER_ARM, Gait

PEOPLE = [Pedestrian(1.8), Pedestrian(1.6, Gait(.03, .03, .5)), Cyclist(1.8), Cyclist(1.62)]
PHASES = np.linspace(0, 2 * np.pi, 9)
WAYMO_ORDER = ('nose', 'left_shoulder', 'right_shoulder', 'left_elbow', 'right_elbow',
               'left_wrist', 'right_wrist', 'left_hip', 'right_hip', 'left_knee', 'right_knee',
               'left_ankle', 'right_ankle', 'head_center')


def test_joint_names_are_those_of_waymo():
    assert JOINTS == WAYMO_ORDER


@pytest.mark.parametrize('person', PEOPLE)
@pytest.mark.parametrize('phase', PHASES)
def test_joints_and_mesh_lie_in_the_box(person, phase):
    size = np.array(person.size)
    low, high = np.append(-size[:2] / 2, 0), np.append(size[:2] / 2, size[2])
    joints = person.joints(phase)
    assert set(joints) == set(JOINTS)
    for joint in joints.values():
        assert (joint > low).all() and (joint < high).all()
    vertices = person.mesh(phase).vertices
    # the box comes from 16 phases of the cycle: between them a foot may swing a bit wider
    assert (vertices > low - .02).all() and (vertices < high + .02).all()


@pytest.mark.parametrize('person', PEOPLE)
def test_left_is_left_and_limbs_keep_their_length(person):
    for phase in PHASES:
        joints = person.joints(phase)
        for part in ('shoulder', 'hip', 'knee'):
            assert joints[f'left_{part}'][1] > joints[f'right_{part}'][1]
        for side in ('left', 'right'):
            for start, end, share in (('hip', 'knee', THIGH), ('knee', 'ankle', SHANK),
                                      ('shoulder', 'elbow', UPPER_ARM),
                                      ('elbow', 'wrist', FOREARM)):
                length = np.linalg.norm(joints[f'{side}_{end}'] - joints[f'{side}_{start}'])
                assert length == pytest.approx(share * person.height, rel=1e-3)
        assert joints['nose'][0] > joints['head_center'][0]


@pytest.mark.parametrize('phase', PHASES)
def test_a_walker_stands_on_the_ground(phase):
    assert Pedestrian(1.8).mesh(phase).bounds[0][2] == pytest.approx(0, abs=.004)


def test_a_walker_is_as_tall_as_asked_and_swings_arms_against_legs():
    walker = Pedestrian(1.8)
    assert walker.size[2] == pytest.approx(1.8, abs=.03)
    joints = walker.joints(np.pi / 2)
    leg = joints['left_ankle'][0] - joints['right_ankle'][0]
    arm = joints['left_wrist'][0] - joints['right_wrist'][0]
    assert leg > .3 and arm < -.1


def test_a_step_cycle_is_closed():
    for person in PEOPLE:
        first, last = person.joints(0), person.joints(2 * np.pi)
        for name in JOINTS:
            np.testing.assert_allclose(first[name], last[name], atol=1e-9)


def test_a_rider_sits_and_holds_the_bar():
    joints = Cyclist(1.75).joints(.3)
    assert joints['left_wrist'][0] > joints['left_hip'][0] + .3
    assert joints['left_knee'][0] > joints['left_hip'][0]
    assert joints['left_ankle'][2] > .1
