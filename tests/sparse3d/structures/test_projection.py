"""The one projection, for NumPy and PyTorch, and that nobody has another."""
from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from sparse3d.structures.projection import (
    NEAR,
    image_coordinates,
    inside_image,
    near_crossings,
    pixels_and_depth,
    project_points,
    split_projections,
)

PROJECTS = Path(__file__).resolve().parents[3] / 'projects'
# Looks along x from the origin: u = 10 - 8 y / x, v = 5 - 8 z / x.
AHEAD = np.array([[10., -8, 0, 0], [5, 0, -8, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
# A depth that something is divided by, or a matrix that a point is multiplied with.
DIVISIONS = re.compile(r'(?<!/)/ ?(np\.maximum\()?(depth|z)\b|\[\.\.\., 2:\]\.clamp|'
                       r'@ ?\w*(lidar2img|cam2img)\w*\[(:3, )?:3\]\.(T|mT)')
# The simulated world has its own camera, the judge of what reads it; the reference of the
# sampling shares no code with it; KITTI's info files hold what mmdet3d stores of objects behind.
OWN = ('sparse3d/simulate/camera.py', 'sparse3d/datasets/waymo/simulate/scan.py',
       'sparsebev/grid_sample_reference.py', 'sparse3d/datasets/kitti/prepare/frame.py',
       'sparse3d/structures/projection.py')


@pytest.mark.parametrize('kind', [np.array, torch.tensor])
def test_points_by_hand(kind):
    points = kind([[4.0, 2.0, 1.0], [8.0, 0.0, -2.0], [-4.0, 2.0, 1.0]])
    pixels, depth = project_points(points, kind(AHEAD.tolist()))
    assert pixels[:2].tolist() == [[6, 3], [10, 7]] and depth.tolist() == [4, 8, -4]
    assert type(pixels) is type(points) and type(depth) is type(points)
    assert pixels[2].tolist() == pytest.approx([(10 * -4 - 16) / NEAR, (5 * -4 - 8) / NEAR])
    assert inside_image(pixels, depth, (8, 11)).tolist() == [True, True, False]
    assert inside_image(pixels, depth, (7, 11)).tolist() == [True, False, False]
    assert inside_image(pixels, depth, (8, 11), near=4.0).tolist() == [False, True, False]


def test_every_leading_dimension_and_no_point():
    random = np.random.default_rng(0)
    points, rows = random.normal(size=(2, 5, 7, 3)), random.normal(size=(2, 1, 3, 4))
    found = image_coordinates(points, rows)
    for sample in range(2):
        for group in range(5):
            np.testing.assert_allclose(found[sample, group], np.column_stack(
                [points[sample, group], np.ones(7)]) @ rows[sample, 0].T)
    np.testing.assert_allclose(image_coordinates(points[0], rows[0, ..., :3]),
                               points[0] @ rows[0, 0, :, :3].T)
    pixels, depth = project_points(np.zeros((0, 3)), AHEAD)
    assert pixels.shape == (0, 2) and depth.shape == (0, )


@pytest.mark.parametrize('kind', [np.asarray, torch.tensor])
def test_edges_are_cut_where_they_pass_a_depth(kind):
    start = kind([[0.0, 0, 0], [0, 0, 2], [1, 1, 1], [4, 0, 0.5]])
    end = kind([[2.0, 4, 2], [0, 3, 3], [9, 9, 1.0], [8, 0, -1.5]])
    points, crosses = near_crossings(start, end, 0.5)
    assert crosses.tolist() == [True, False, False, False]
    assert points[0].tolist() == [0.5, 1, 0.5]
    behind, crosses = near_crossings(end, start, 0.0)
    assert crosses.tolist() == [True, False, False, True]
    assert behind[3].tolist() == [5, 0, 0]


def test_what_is_too_near_is_divided_by_the_nearest_depth():
    pixels, depth = pixels_and_depth(np.array([[3.0, 6.0, 0.5], [3.0, 6.0, -1.0]]), near=1.5)
    assert pixels.tolist() == [[2, 4], [2, 4]] and depth.tolist() == [0.5, -1]


def test_gradients_are_those_of_a_division():
    points = torch.tensor([[4.0, 2.0, 1.0], [8.0, 0.5, -2.0]], dtype=torch.float64,
                          requires_grad=True)
    matrix = torch.from_numpy(AHEAD).requires_grad_()
    assert torch.autograd.gradcheck(project_points, (points, matrix))


def test_a_split_projection_put_together():
    random = np.random.default_rng(1)
    matrices = random.normal(size=(6, 3, 4))
    intrinsics, rotation, translation = split_projections(matrices)
    assert (np.diagonal(intrinsics, axis1=1, axis2=2) > 0).all()
    assert (intrinsics[:, 2, 2] == 1).all()
    np.testing.assert_allclose(rotation @ rotation.transpose(0, 2, 1),
                               np.tile(np.eye(3), (6, 1, 1)), atol=1e-9)
    together = intrinsics @ np.concatenate([rotation, translation[..., None]], 2)
    points = random.normal(size=(20, 3))
    for first, second in zip(matrices, together, strict=True):  # but for the scale of the depth
        np.testing.assert_allclose(*(pixels_and_depth(part, 1e-12)[0][part[:, 2] > 0] for part in (
            image_coordinates(points, first), image_coordinates(points, second))), rtol=1e-6)


def test_nobody_divides_by_a_depth_on_its_own():
    found = [f'{path.relative_to(PROJECTS)}:{number}: {line.strip()}'
             for path in PROJECTS.rglob('*.py')
             if path.relative_to(PROJECTS).as_posix() not in OWN
             for number, line in enumerate(path.read_text().splitlines(), 1)
             if DIVISIONS.search(line.split('#')[0].rstrip())
             and not line.lstrip().startswith(('"', "'"))]
    assert not found, 'project with sparse3d.structures.projection: ' + '; '.join(found)
