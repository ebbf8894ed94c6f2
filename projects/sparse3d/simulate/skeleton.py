"""A human skeleton with named joints: standing, walking, cycling.

Frame of a person: x forward, y left, z up, origin on the ground below the hips. Joint
names and order are those of the Waymo human keypoints; lengths are shares of the body
height (Winter, Biomechanics and Motor Control of Human Movement, figure 4.1).
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

JOINTS = ('nose', 'left_shoulder', 'right_shoulder', 'left_elbow', 'right_elbow', 'left_wrist',
          'right_wrist', 'left_hip', 'right_hip', 'left_knee', 'right_knee', 'left_ankle',
          'right_ankle', 'head_center')

HIP_HALF, SHOULDER_HALF = .052, .115
THIGH, SHANK, FOOT = .245, .246, .11
SOLE = .026      # height of the lowest foot joint, and radius of the foot around it
TOE_DROP = .013  # of the toe below the ankle in a level foot
TORSO, UPPER_ARM, FOREARM, HAND = .288, .175, .146, .07
NECK_TO_HEAD = .112  # from the middle of the shoulders to the center of the head

Joints = dict[str, np.ndarray]  # name -> [3] meters; also crown, neck, pelvis, hands and toes


@dataclass(frozen=True)
class Gait:
    """How somebody walks: amplitude of the legs' swing [rad]; 0 is standing still."""
    swing: float = .32
    arm_swing: float = .3
    arm_bend: float = .3


def walking_joints(height: float, phase: float, gait: Gait) -> Joints:
    """Joints of a walker at ``phase`` radians of the step cycle; the lower foot stands on
    z = 0."""
    joints: Joints = {}
    pelvis = np.zeros(3)
    _add_trunk(joints, pelvis, height, lean=.05)
    for side, sign in (('left', 1), ('right', -1)):
        stride = np.sin(phase if sign > 0 else phase + np.pi)
        lift = np.cos(phase if sign > 0 else phase + np.pi)
        hip_angle = gait.swing * stride
        knee_bend = gait.swing * (.25 + 1.1 * max(lift, 0.0))
        _add_leg(joints, side, height, hip_angle, hip_angle - knee_bend)
        shoulder_angle = -gait.arm_swing * stride
        _add_arm(joints, side, height, shoulder_angle, shoulder_angle + gait.arm_bend)
    lowest = min(joints[f'{side}_{end}'][2] for side in ('left', 'right')
                 for end in ('ankle', 'toe'))
    lift_all = np.array([0.0, 0.0, SOLE * height - lowest])
    return {name: joint + lift_all for name, joint in joints.items()}


def cycling_joints(height: float, phase: float, saddle: np.ndarray, bar: np.ndarray,
                   crank: np.ndarray, crank_length: float = .17) -> Joints:
    """Joints of a rider; ``saddle``, ``bar`` and ``crank`` [3] are points of the bicycle."""
    joints: Joints = {}
    _add_trunk(joints, saddle + (0, 0, .06), height, lean=.45)
    for side, sign in (('left', 1), ('right', -1)):
        angle = phase if sign > 0 else phase + np.pi
        pedal = crank + (crank_length * np.cos(angle), sign * .12,
                         crank_length * np.sin(angle))
        ankle = pedal + (-.08, 0, .09)
        hip = joints[f'{side}_hip']
        joints[f'{side}_knee'], joints[f'{side}_ankle'] = _reach(
            hip, ankle, THIGH * height, SHANK * height, bend=np.array([1.0, 0, .3]))
        joints[f'{side}_toe'] = joints[f'{side}_ankle'] + (.8 * FOOT * height, 0, -.06)
        shoulder = joints[f'{side}_shoulder']
        grip = bar + (0, sign * .24, .03)
        joints[f'{side}_elbow'], joints[f'{side}_wrist'] = _reach(
            shoulder, grip, UPPER_ARM * height, FOREARM * height, bend=np.array([-.3, 0, -1.0]))
        joints[f'{side}_hand'] = joints[f'{side}_wrist'] + (.05, 0, 0)
    return joints


def _add_trunk(joints: Joints, pelvis: np.ndarray, height: float, lean: float) -> None:
    """Pelvis, hips, shoulders, neck and head of a trunk leaning forward by ``lean`` radians."""
    along = np.array([np.sin(lean), 0.0, np.cos(lean)])
    neck = pelvis + TORSO * height * along
    joints['pelvis'], joints['neck'] = pelvis, neck
    joints['head_center'] = neck + NECK_TO_HEAD * height * np.array(
        [np.sin(.6 * lean), 0.0, np.cos(.6 * lean)])
    joints['nose'] = joints['head_center'] + (.055 * height, 0, -.012 * height)
    joints['crown'] = joints['head_center'] + (-.014 * height, 0, .012 * height)
    for side, sign in (('left', 1), ('right', -1)):
        joints[f'{side}_hip'] = pelvis + (0, sign * HIP_HALF * height, 0)
        joints[f'{side}_shoulder'] = neck + (0, sign * SHOULDER_HALF * height, 0)


def _add_leg(joints: Joints, side: str, height: float, hip: float, shank: float) -> None:
    """Knee, ankle and toe from the forward angles of thigh and shank to the vertical."""
    knee = joints[f'{side}_hip'] + THIGH * height * np.array([np.sin(hip), 0, -np.cos(hip)])
    ankle = knee + SHANK * height * np.array([np.sin(shank), 0, -np.cos(shank)])
    joints[f'{side}_knee'], joints[f'{side}_ankle'] = knee, ankle
    drop = .5 * min(shank, 0.0)
    joints[f'{side}_toe'] = ankle + height * np.array(
        [FOOT * np.cos(drop), 0, FOOT * np.sin(drop) - TOE_DROP])


def _add_arm(joints: Joints, side: str, height: float, upper: float, lower: float) -> None:
    """Elbow, wrist and hand from the forward angles of the arm's parts to the vertical."""
    elbow = joints[f'{side}_shoulder'] + UPPER_ARM * height * np.array(
        [np.sin(upper), 0, -np.cos(upper)])
    direction = np.array([np.sin(lower), 0, -np.cos(lower)])
    joints[f'{side}_elbow'] = elbow
    joints[f'{side}_wrist'] = elbow + FOREARM * height * direction
    joints[f'{side}_hand'] = elbow + (FOREARM + HAND) * height * direction


def _reach(root: np.ndarray, goal: np.ndarray, first: float, second: float,
           bend: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Middle and end joint of a two-part limb towards ``goal``, bending in direction ``bend``."""
    along = goal - root
    distance = np.linalg.norm(along)
    along = along / distance
    reach = min(distance, .999 * (first + second))
    reach = max(reach, abs(first - second) + 1e-3)
    foot = (first**2 - second**2 + reach**2) / (2 * reach)
    sideways = bend - (bend @ along) * along
    sideways = sideways / np.linalg.norm(sideways)
    middle = root + foot * along + np.sqrt(max(first**2 - foot**2, 0.0)) * sideways
    return middle, root + reach * along
