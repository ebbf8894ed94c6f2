"""The sparse branch: points of boxes against a projection of its own, unseen queries, NaN."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from mmdet3d.structures import LiDARInstance3DBoxes

import sparse_dense_fusion.register  # noqa: F401
from sparse3d.ops.choose_views import project_to_views
from sparse3d.structures.camera_rig import CameraRig
from sparse_dense_fusion.query_fusion import QueryFusion, box_points

SIZE, SHAPES = (64, 96), ((16, 24), (8, 12))
FORWARD = np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]])
LENS = np.array([[48.0, 0, 48], [0, 48, 32], [0, 0, 1]])
BOXES = torch.tensor([[9.0, 1.0, -1.0, 4.0, 2.0, 1.5, 0.5, 0, 0],
                      [12.0, -3.0, -1.0, 1.0, 1.0, 2.0, -2.0, 0, 0]])[None]


def rig(**meta) -> CameraRig:
    """Two cameras that look ahead, the second from three meters farther left."""
    matrices = np.tile(np.eye(4), (2, 1, 1))
    matrices[:, :3, :3] = LENS @ FORWARD
    matrices[1, :3, 3] = LENS @ FORWARD @ [0.0, -3.0, 0.0]
    return CameraRig.from_metas([dict(lidar2img=matrices, **meta)], SIZE)


def fusion(**changes) -> QueryFusion:
    torch.manual_seed(1)
    model = QueryFusion(**{**dict(image_channels=4, channels=8, num_levels=2, num_heads=2,
                                  feedforward_channels=16), **changes})
    model.init_weights()
    return model.eval()


def stirred(model: QueryFusion) -> QueryFusion:
    for value in model.parameters():
        torch.nn.init.normal_(value, std=0.3)
    return model


def images(views: int = 2) -> list[torch.Tensor]:
    return [torch.randn(views, 4, *shape) for shape in SHAPES]


def test_the_points_are_the_center_and_halfway_to_the_corners():
    boxes = LiDARInstance3DBoxes(BOXES[0, :, :7])
    points = box_points(BOXES[0])
    center = boxes.gravity_center
    torch.testing.assert_close(points[:, 0], center)
    halfway = center[:, None] + (boxes.corners - center[:, None]) / 2
    distance = torch.cdist(points[:, 1:], halfway)
    assert (distance.amin(1) < 1e-5).all() and (distance.amin(2) < 1e-5).all()


def test_untrained_the_queries_stay():
    queries = torch.randn(1, 2, 8)
    for mode in ('train', 'eval'):
        assert torch.equal(getattr(fusion(), mode)()(queries, BOXES, images(), rig()), queries)


def test_what_is_read_is_what_lies_at_the_projection():
    """Levels that hold the column and row of their cells, one camera: read the place back."""
    model = fusion(image_channels=2, channels=2, num_heads=1, num_levels=1)
    torch.nn.init.eye_(model.reduce[0].weight[:, :, 0, 0])
    torch.nn.init.zeros_(model.reduce[0].bias)
    one = CameraRig.from_metas(
        [dict(lidar2img=rig().cameras.lidar2img[0, :1].numpy())], SIZE)
    row, column = torch.meshgrid(torch.arange(16.0), torch.arange(24.0), indexing='ij')
    read = model.read(torch.randn(1, 2, 2), BOXES, [torch.stack([column, row])[None]], one)
    place, depth = project_to_views(box_points(BOXES)[:, :, None], one.cameras.lidar2img[:, None],
                                    SIZE)
    assert (depth > 1).all()
    expected = place[:, :, 0, :, 0] * torch.tensor([24.0, 16]) - 0.5
    torch.testing.assert_close(read, expected, atol=1e-4, rtol=1e-4)


def test_an_unseen_query_does_not_depend_on_the_images():
    model = stirred(fusion())
    behind = BOXES * torch.tensor([-1.0] + [1.0] * 8)
    queries = torch.randn(1, 2, 8)
    one, other = (model(queries, behind, images(), rig()) for _ in range(2))
    assert torch.equal(one, other)
    one, other = (model(queries, BOXES, images(), rig()) for _ in range(2))
    assert not torch.allclose(one, other, atol=1e-3)


def test_padding_is_not_read():
    """Behind column 20 of the first level, 80 pixels, there is no picture."""
    model, queries = stirred(fusion()), torch.randn(1, 2, 8)
    padded = rig(valid_shape=[[80.0, 64.0]] * 2)
    right = BOXES.clone()
    right[..., 1] = -9.0  # far right in both images, or outside
    first = images()
    second = [image.clone() for image in first]
    for image in second:
        image[..., image.shape[-1] * 20 // 24:] += 100.0
    assert torch.equal(*(model(queries, right, each, padded) for each in (first, second)))
    assert not torch.equal(*(model(queries, right, each, rig()) for each in (first, second)))


@pytest.mark.parametrize('backend', ['reference', 'fast'])
def test_numbers_of_an_absent_camera_reach_neither_queries_nor_gradients(backend):
    model, queries = stirred(fusion()).train(), torch.randn(1, 2, 8)
    model.backend = backend
    absent = rig(image_valid=[True, False])
    found = images()
    for image in found:
        image[1] = torch.nan
    result = model(queries, BOXES, found, absent)
    assert result.isfinite().all()
    result.sum().backward()
    assert all(value.grad.isfinite().all() for value in model.parameters())


def test_backends_agree():
    model, queries, found = stirred(fusion()), torch.randn(1, 2, 8), images()
    results = []
    for backend in ('reference', 'fast'):
        model.backend = backend
        results.append(model.read(queries, BOXES, found, rig()))
    torch.testing.assert_close(*results, atol=1e-5, rtol=1e-5)
