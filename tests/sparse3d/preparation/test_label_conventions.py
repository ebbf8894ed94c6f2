"""Points around boxes tell which convention the boxes follow, and name the one cure."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.datasets.kitti.prepare.text import read_calibration, read_labels
from sparse3d.preparation.label_conventions import AS_GIVEN, CONVENTIONS, ConventionEvidence
from sparse3d.structures.box_conversions import kitti_camera_to_lidar

QUARTER = np.pi / 2
# What people do wrong (a change of right boxes) and what has to be named.
MISTAKES = {
    'turned by 90 degrees': lambda b: b + [0, 0, 0, 0, 0, 0, -QUARTER],
    'the other way (clockwise from x)': lambda b: b * [1, 1, 1, 1, 1, 1, -1],
    'clockwise from y': lambda b: b * [1, 1, 1, 1, 1, 1, -1] + [0, 0, 0, 0, 0, 0, QUARTER],
    'taken for degrees': lambda b: b * [1, 1, 1, 1, 1, 1, 180 / np.pi],
    'y is mirrored': lambda b: b * [1, -1, 1, 1, 1, 1, -1],
    'dx and dy are exchanged': lambda b: b[:, [0, 1, 2, 4, 3, 5, 6]],
    'x and y are exchanged': lambda b: b[:, [1, 0, 2, 3, 4, 5, 6]],
    'x to the right, y ahead': lambda b: np.column_stack(
        [-b[:, 1], b[:, 0], b[:, 2:6], b[:, 6] + QUARTER]),
}


def scene(seed, yaws=None, count=6):
    """A road with cars on it: points of their sides, as a scanner sees them."""
    random = np.random.default_rng(seed)
    places = [(10 + 7 * row, random.uniform(-9, 9)) for row in range(count)]
    boxes = np.array([[x, y, -1.7, 4.3, 1.8, 1.5,
                       random.uniform(-3, 3) if yaws is None else yaws[row % len(yaws)]]
                      for row, (x, y) in enumerate(places)])
    ground = random.uniform([0, -20, 0], [60, 20, 0], (9000, 3))
    ground[:, 2] = random.normal(-1.7, 0.02, len(ground))
    parts = [ground]
    for x, y, z, dx, dy, dz, yaw in boxes:
        local = random.uniform(-0.49, 0.49, (300, 3))
        side = random.integers(2, size=300)
        local[np.arange(300), side] = 0.49 * np.sign(local[np.arange(300), side])
        local *= (dx, dy, dz)
        cos, sin = np.cos(yaw), np.sin(yaw)
        parts.append(np.column_stack([x + cos * local[:, 0] - sin * local[:, 1],
                                      y + sin * local[:, 0] + cos * local[:, 1],
                                      z + dz / 2 + local[:, 2]]))
    return np.concatenate(parts), boxes


def evidence_of(scenes, change=lambda boxes: boxes):
    evidence = ConventionEvidence()
    for points, boxes in scenes:
        evidence.add(points, change(boxes))
    return evidence


@pytest.fixture(scope='module')
def scenes():
    return [scene(seed) for seed in range(4)]


def test_right_boxes_hold_nearly_all_points_around_them(scenes):
    evidence = evidence_of(scenes)
    assert evidence.share() > 0.95 and evidence.cure() is None and evidence.wrong_height() is None
    for name in CONVENTIONS:
        assert name == AS_GIVEN or evidence.share(name) < 0.75


@pytest.mark.parametrize('cure', MISTAKES)
def test_each_mistake_has_its_cure(scenes, cure):
    evidence = evidence_of(scenes, MISTAKES[cure])
    named, share = evidence.cure()
    assert cure in named and share > 0.95 and evidence.share() < 0.75


def test_most_boxes_along_the_road_do_not_hide_a_mistake():
    scenes = [scene(seed, yaws=[0, np.pi, 0, np.pi, 0, 0.7]) for seed in range(9)]
    wrong = evidence_of(scenes, lambda boxes: boxes * [1, 1, 1, 1, 1, 1, -1])
    assert wrong.share() > 0.85 and 'the other way' in wrong.cure()[0]
    assert evidence_of(scenes).cure() is None


@pytest.mark.parametrize('above', [0.75, 1.7, -0.9])
def test_heights_against_the_ground(scenes, above):
    offset, height = evidence_of(
        scenes, lambda boxes: boxes + [0, 0, above, 0, 0, 0, 0]).wrong_height()
    assert offset == pytest.approx(above, abs=0.1) and height == 1.5


def test_few_boxes_and_no_points_decide_nothing(scenes):
    points, boxes = scenes[0]
    few = evidence_of([(points, boxes[:3])], MISTAKES['y is mirrored'])
    assert few.cure() is None and few.wrong_height() is None
    nothing = evidence_of([(points[:0], boxes), (points, boxes[:0])])
    assert nothing.boxes == 0 and nothing.share() == 0 and nothing.cure() is None


def test_squares_say_nothing_of_their_yaw():
    scenes = [scene(seed, count=6) for seed in range(3)]
    square = evidence_of(scenes, lambda boxes: boxes * [1, 1, 1, 0, 0, 1, 1]
                         + [0, 0, 0, 1, 1, 0, 0.7])
    assert square.cure() is None


@pytest.fixture(scope='module')
def real_scenes(real_data_dir):
    """Ten boxes of three frames: enough for every convention, few for the sign of the yaw."""
    root, scenes = real_data_dir / 'kitti/training', []
    for cloud in sorted((root / 'velodyne').glob('*.bin')):
        labels = [label for label in read_labels(root / f'label_2/{cloud.stem}.txt')
                  if label.type != 'DontCare']
        boxes = kitti_camera_to_lidar(np.array([label.camera_box for label in labels]),
                                      read_calibration(root / f'calib/{cloud.stem}.txt').lidar2cam)
        scenes.append((np.fromfile(cloud, np.float32).reshape(-1, 4), boxes))
    return scenes


def test_real_frames(real_scenes):
    right = evidence_of(real_scenes)
    assert right.share() > 0.9 and right.cure() is None and right.wrong_height() is None
    for cure, change in MISTAKES.items():
        assert cure in evidence_of(real_scenes, change).cure()[0]


def drawn(evidence, random, count):
    """The evidence of some of its boxes, drawn with repetition."""
    rows = random.integers(evidence.boxes, size=count)
    shares = {name: np.concatenate(parts)[rows] for name, parts in evidence.shares.items()}
    return ConventionEvidence(shares={name: [part] for name, part in shares.items()},
                              strict={name: part.sum() for name, part in shares.items()},
                              longer=evidence.longer)


def test_how_far_five_real_boxes_can_be_trusted(real_scenes):
    """docs/custom_data.md: no false alarm; mistakes are named, but for one sign in ten."""
    random = np.random.default_rng(0)
    right = evidence_of(real_scenes)
    assert all(drawn(right, random, 5).cure() is None for _ in range(200))
    for cure, change in MISTAKES.items():
        wrong = evidence_of(real_scenes, change)
        named = [cure in (drawn(wrong, random, 5).cure() or ' ')[0] for _ in range(200)]
        assert np.mean(named) >= (0.85 if 'the other way' in cure else 0.97), cure
