"""Rectangles of boxes in images."""
from __future__ import annotations

from types import SimpleNamespace

import torch

import sparse3d.register  # noqa: F401  (registers the core)
from sparse3d.models.backbones.image_objects import image_objects, images_with_objects
from sparse3d.structures.cameras import Cameras

FOCAL, WIDTH, HEIGHT = 100., 200, 100
# Looks along x of the LiDAR; image right is -y, image down is -z.
AHEAD = torch.tensor([[WIDTH / 2, -FOCAL, 0, 0], [HEIGHT / 2, 0, -FOCAL, 0], [1, 0, 0, 0],
                      [0, 0, 0, 1.]])
BACK = torch.tensor([[-WIDTH / 2, FOCAL, 0, 0], [-HEIGHT / 2, 0, -FOCAL, 0], [-1, 0, 0, 0],
                     [0, 0, 0, 1.]])


def cameras(*matrices):
    return Cameras.of_matrices(torch.stack(matrices)[None], (HEIGHT, WIDTH))


def test_a_box_by_hand():
    box = torch.tensor([[10., 0, -1, 2, 4, 2, 0]])  # its near side is 9 m ahead
    (found, ) = image_objects([box], cameras(BACK, AHEAD))
    expected = [1, 100 - 200 / 9, 50 - 100 / 9, 100 + 200 / 9, 50 + 100 / 9]
    torch.testing.assert_close(found, torch.tensor(expected))


def test_parts_behind_a_camera_and_beyond_the_image_are_cut_off():
    box = torch.tensor([[0., 0, -1, 4, 2, 2, 0]])  # around the camera
    found = image_objects([box], cameras(AHEAD))
    assert found.tolist() == [[0, 0, 0, WIDTH, HEIGHT]]
    beside = torch.tensor([[10., 30, -1, 2, 2, 2, 0]])
    assert len(image_objects([beside], cameras(AHEAD))) == 0
    assert image_objects([torch.zeros(0, 9)], cameras(AHEAD)).shape == (0, 5)


def test_missing_images_show_nothing():
    both = cameras(AHEAD, AHEAD)
    one = both.with_valid(torch.tensor([[False, True]]))
    box = torch.tensor([[10., 0, -1, 2, 4, 2, 0]])
    assert image_objects([box], one)[:, 0].tolist() == [1]


def test_objects_of_earlier_frames_lie_where_they_were():
    truth = SimpleNamespace(bboxes_3d=SimpleNamespace(
        tensor=torch.tensor([[10., 0, -1, 2, 4, 2, 0, 0, 4.]])))  # 4 m/s to the left
    learns = SimpleNamespace(learns_objects=True)
    seen = images_with_objects(learns, cameras(AHEAD, AHEAD), [truth],
                               torch.tensor([[0., .5]]))
    now, before = seen.objects[:, [1, 3]].mean(1)
    assert seen.cameras == 1 and before > now  # 2 m to the right
    torch.testing.assert_close(seen.objects[1, 3], torch.tensor(100 + 400 / 9))
    for backbone, given in ((SimpleNamespace(), [truth]), (learns, None)):
        assert images_with_objects(backbone, cameras(AHEAD), given).objects is None
