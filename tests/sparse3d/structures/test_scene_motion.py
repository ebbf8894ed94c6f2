import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmdet3d.structures import LiDARInstance3DBoxes, LiDARPoints

from sparse3d.structures.keypoints import Keypoints3D
from sparse3d.structures.scene_motion import SceneMotion

steps = st.lists(st.one_of(
    st.tuples(st.just('flip'), st.sampled_from(['horizontal', 'vertical'])),
    st.tuples(st.just('rotate'), st.floats(-4, 4)),
    st.tuples(st.just('scale'), st.floats(0.5, 2)),
    st.tuples(st.just('translate'), st.tuples(*[st.floats(-5, 5)] * 3))), max_size=6)


def scene(seed):
    random = np.random.default_rng(seed)
    boxes = random.uniform(-20, 20, (4, 9)).astype(np.float32)
    boxes[:, 3:6] = random.uniform(0.5, 5, (4, 3))
    points = random.uniform(-30, 30, (50, 5)).astype(np.float32)
    joints = random.uniform(-20, 20, (4, 14, 3)).astype(np.float32)
    return (LiDARPoints(points, points_dim=5), LiDARInstance3DBoxes(boxes, box_dim=9),
            Keypoints3D(torch.from_numpy(joints), torch.from_numpy(random.integers(0, 3, (4, 14)))))


def by_matrix(matrix, points):
    points = np.asarray(points, dtype=np.float64)
    return points @ matrix[:3, :3].T + matrix[:3, 3]


@settings(max_examples=60, deadline=None)
@given(steps, st.integers(0, 10))
def test_everything_follows_the_matrix(steps, seed):
    motion, (points, boxes, keypoints) = SceneMotion(tuple(steps)), scene(seed)
    matrix = motion.matrix
    close = dict(rtol=1e-5, atol=1e-3)
    moved = motion.move_points(points).tensor.numpy()
    np.testing.assert_allclose(moved[:, :3], by_matrix(matrix, points.tensor[:, :3]), **close)
    np.testing.assert_array_equal(moved[:, 3:], points.tensor[:, 3:])
    after = motion.move_boxes(boxes)
    # the eight corners as sets, since a mirror renames them
    expected = by_matrix(matrix, boxes.corners.reshape(-1, 3)).reshape(-1, 8, 3)
    for found, wanted in zip(after.corners.numpy(), expected, strict=True):
        apart = np.linalg.norm(found[:, None] - wanted[None], axis=-1)
        assert apart.min(0).max() < 2e-3 and apart.min(1).max() < 2e-3
    heading = torch.stack([boxes.yaw.cos(), boxes.yaw.sin(), boxes.yaw * 0], 1).numpy()
    turned = heading @ matrix[:3, :3].T / motion.scale
    np.testing.assert_allclose(after.yaw.cos(), turned[:, 0], atol=1e-5)
    np.testing.assert_allclose(after.yaw.sin(), turned[:, 1], atol=1e-5)
    velocity = np.pad(boxes.tensor[:, 7:9].numpy(), ((0, 0), (0, 1)))
    np.testing.assert_allclose(
        after.tensor[:, 7:9], (velocity @ matrix[:3, :3].T)[:, :2], **close)
    joints = motion.move_keypoints(keypoints)
    swapped = joints.points if np.linalg.det(matrix) > 0 else _swap(joints.points)
    np.testing.assert_allclose(swapped, by_matrix(matrix, keypoints.points), **close)
    # a joint inside its box relative to the box stays there
    assert torch.equal(joints.visibility if np.linalg.det(matrix) > 0
                       else _swap(joints.visibility), keypoints.visibility)


def _swap(values):
    order = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 13]
    return values[:, order]


@settings(max_examples=40, deadline=None)
@given(steps)
def test_the_inverse_undoes(steps):
    motion, (points, boxes, keypoints) = SceneMotion(tuple(steps)), scene(0)
    back = motion.inverse
    np.testing.assert_allclose(back.matrix @ motion.matrix, np.eye(4), atol=1e-9)
    there_and_back = back.move_boxes(motion.move_boxes(boxes))
    difference = there_and_back.tensor - boxes.tensor
    difference[:, 6] = (difference[:, 6] + np.pi) % (2 * np.pi) - np.pi
    assert difference.abs().max() < 5e-3
    torch.testing.assert_close(back.move_points(motion.move_points(points)).tensor,
                               points.tensor, atol=5e-3, rtol=0)
    again = back.move_keypoints(motion.move_keypoints(keypoints))
    torch.testing.assert_close(again.points, keypoints.points, atol=5e-3, rtol=0)
    assert torch.equal(again.visibility, keypoints.visibility)


def test_nothing_is_a_normal_scene():
    motion = SceneMotion((('flip', 'vertical'), ('rotate', 1.0), ('translate', (1, 2, 3))))
    assert len(motion.move_points(LiDARPoints(torch.zeros(0, 5), points_dim=5))) == 0
    assert len(motion.move_boxes(LiDARInstance3DBoxes(torch.zeros(0, 9), box_dim=9))) == 0
    assert len(motion.move_keypoints(Keypoints3D.empty())) == 0


def test_unknown_velocities_stay_unknown():
    boxes = torch.tensor([[1., 2, 3, 4, 5, 6, 0.1, float('nan'), float('nan')]])
    moved = SceneMotion((('rotate', 1.0), ('scale', 2.0))).move_boxes(
        LiDARInstance3DBoxes(boxes, box_dim=9))
    assert moved.tensor[:, :7].isfinite().all() and moved.tensor[:, 7:].isnan().all()


@pytest.mark.parametrize('step, message', [
    (('turn', 1.0), "not 'turn'"), (('flip', 'left'), "not 'left'"), (('scale', 0), 'positive')])
def test_wrong_steps(step, message):
    with pytest.raises(ValueError, match=message):
        SceneMotion((step,))
