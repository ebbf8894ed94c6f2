import math

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData

from sparse3d.structures.keypoints import JOINTS, LEFT_RIGHT_PAIRS, WAYMO_TYPES, Keypoints3D


def people(count=3, joints=14):
    return Keypoints3D(torch.randn(count, joints, 3), torch.randint(0, 3, (count, joints)))


def test_names_and_pairs_agree():
    assert len(JOINTS) == len(WAYMO_TYPES) == 14
    for left, right in LEFT_RIGHT_PAIRS:
        assert JOINTS[left] == JOINTS[right].replace('right', 'left')
        assert WAYMO_TYPES[right] - WAYMO_TYPES[left] == 8
    paired = {joint for pair in LEFT_RIGHT_PAIRS for joint in pair}
    assert {JOINTS[k] for k in range(14) if k not in paired} == {'nose', 'head_center'}


def test_a_raised_left_hand_is_a_right_hand_in_the_mirror():
    points = torch.zeros(1, 14, 3)
    left, right = JOINTS.index('left_wrist'), JOINTS.index('right_wrist')
    points[0, left], points[0, right] = torch.tensor([10., 0.5, 2.0]), torch.tensor([10., -.5, 1.0])
    visibility = torch.full((1, 14), 2)
    visibility[0, left] = 1
    mirror = Keypoints3D(points, visibility).flip('horizontal')
    assert mirror.points[0, right].tolist() == [10., -0.5, 2.0]
    assert mirror.points[0, left].tolist() == [10., 0.5, 1.0]
    assert mirror.visibility[0, [left, right]].tolist() == [2, 1]
    assert points[0, left].tolist() == [10., 0.5, 2.0]  # what was given stays


@pytest.mark.parametrize('direction, axis', [('horizontal', 1), ('vertical', 0)])
def test_a_mirror_keeps_the_person_upright_and_twice_is_nothing(direction, axis):
    before = people()
    after = before.flip(direction)
    torch.testing.assert_close(after.points[:, 0, axis], -before.points[:, 0, axis])
    torch.testing.assert_close(after.points[:, 0, 1 - axis], before.points[:, 0, 1 - axis])
    again = after.flip(direction)
    assert torch.equal(again.points, before.points)
    assert torch.equal(again.visibility, before.visibility)


def test_rotation_is_counter_clockwise_as_for_boxes():
    from mmdet3d.structures import LiDARInstance3DBoxes
    before = people(2, 1)
    boxes = LiDARInstance3DBoxes(torch.cat([before.points[:, 0], torch.ones(2, 4)], 1))
    boxes.rotate(0.3)
    torch.testing.assert_close(before.rotate(0.3).points[:, 0], boxes.bottom_center)
    quarter = Keypoints3D(torch.tensor([[[1., 0., 5.]]])).rotate(math.pi / 2)
    torch.testing.assert_close(quarter.points, torch.tensor([[[0., 1., 5.]]]))


def test_each_person_about_their_own_center():
    before = people(2)
    centers, angles = torch.randn(2, 3), torch.tensor([0.4, -1.0])
    turned = before.rotate(angles, centers)
    scaled = before.scale(torch.tensor([2., 3.]), centers)
    for k in range(2):
        alone = before[k].translate(-centers[k]).rotate(float(angles[k])).translate(centers[k])
        torch.testing.assert_close(turned[k].points, alone.points)
        torch.testing.assert_close(scaled.points[k] - centers[k],
                                   (before.points[k] - centers[k]) * (2 + k))


def test_inverse_operations():
    before = people()
    after = before.rotate(0.7).scale(1.1).translate((1, 2, 3))
    back = after.translate((-1, -2, -3)).scale(1 / 1.1).rotate(-0.7)
    torch.testing.assert_close(back.points, before.points)


def test_in_instance_data():
    before = people(4)
    data = InstanceData(labels=torch.arange(4), keypoints_3d=before)
    chosen = data[torch.tensor([True, False, True, False])]
    assert torch.equal(chosen.keypoints_3d.points, before.points[[0, 2]])
    both = InstanceData.cat([chosen, data])
    assert torch.equal(both.keypoints_3d.points[:2], before.points[[0, 2]]) and len(both) == 6
    moved = data.to(torch.float64)
    assert moved.keypoints_3d.points.dtype == torch.float64
    assert moved.keypoints_3d.visibility.dtype == before.visibility.dtype
    with pytest.raises(AssertionError):
        data.keypoints_3d = people(3)


@pytest.mark.parametrize('index', [1, -1, slice(1, 3), [2, 0], np.array([True, False, True]),
                                   torch.tensor([1, 1])])
def test_indexing(index):
    before = people(3)
    chosen = before[index]
    expected = before.points.numpy()[[index] if isinstance(index, int) else index]
    np.testing.assert_array_equal(chosen.points, expected)


def test_nobody():
    nobody = Keypoints3D.empty()
    assert len(nobody) == 0 and not nobody.valid.any()
    moved = nobody.flip().rotate(1.0).scale(2.0).translate((1, 1, 1))[[]]
    assert moved.points.shape == (0, 14, 3) and moved.visibility.shape == (0, 14)
    assert len(Keypoints3D.cat([nobody, people(2), nobody])) == 2
    assert len(people(2)[torch.zeros(2, dtype=torch.bool)]) == 0


def test_wrong_input():
    with pytest.raises(ValueError, match=r'shape \(people, joints, 3\), not \(14, 3\)'):
        Keypoints3D(torch.zeros(14, 3))
    with pytest.raises(ValueError, match=r'\(2, 14\), not \(2, 13\)'):
        Keypoints3D(torch.zeros(2, 14, 3), torch.zeros(2, 13))
    with pytest.raises(ValueError, match='needs left_right_pairs for 17 joints'):
        people(1, 17).flip()
    with pytest.raises(ValueError, match="not 'diagonal'"):
        people().flip('diagonal')
    with pytest.raises(ValueError, match='beyond the 3'):
        Keypoints3D(torch.zeros(1, 3, 3), left_right_pairs=[(1, 3)])
    with pytest.raises(ValueError, match='at least one'):
        Keypoints3D.cat([])
