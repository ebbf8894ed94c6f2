"""Cameras, views, depths and heights, worked by hand or against plain loops."""
from __future__ import annotations

import numpy as np
import pytest
import torch

from sparse3d.datasets.nuscenes.prepare.camera_instances import camera_instances
from sparse3d.errors import DataError
from sparse3d.models.heads.transfusion_box_coder import TransFusionBoxCoder
from sparse3d.models.heads.transfusion_matching import MatchWeights
from sparse3d.models.query.positions import logit, pixel_logits
from sparse3d.ops.sparse_depth import DEPTH_VARIANCE, MEAN_DEPTH, sparse_depth
from sparse3d.structures.camera_rig import CameraRig
from sparse3d.structures.projection import split_projections
from sparsefusion.camera_targets import camera_codes, camera_targets, image_heat_target
from sparsefusion.lifted_boxes import lift_boxes
from sparsefusion.view_groups import ViewGroups
from sparsefusion.view_objects import view_objects
from sparsefusion.voxel_heights import voxel_heights

INTRINSICS = np.array([[100.0, 0, 64], [0, 110, 32], [0, 0, 1]])
FORWARD = np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]])  # LiDAR to a camera looking along x
BACKWARD = np.array([[0.0, 1, 0], [0, 0, -1], [-1, 0, 0]])
HEIGHT, WIDTH = 64, 128


def projection(rotation: np.ndarray, translation=(0.1, 0.2, -0.3)) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = INTRINSICS @ rotation, INTRINSICS @ np.array(translation)
    return matrix


def rig(*samples: dict) -> CameraRig:
    metas = samples or (dict(lidar2img=np.stack([projection(FORWARD), projection(BACKWARD)])), )
    return CameraRig.from_metas(metas, (HEIGHT, WIDTH))


def test_a_projection_splits_into_its_parts():
    for mirror in (np.eye(3), np.diag([-1.0, 1, 1])):
        k, r, t = (part[0] for part in split_projections(projection(mirror @ FORWARD)[None]))
        np.testing.assert_allclose(k, INTRINSICS, atol=1e-9)
        np.testing.assert_allclose(r, mirror @ FORWARD, atol=1e-9)
        np.testing.assert_allclose(t, [0.1, 0.2, -0.3], atol=1e-9)


def test_a_scaled_scene_has_a_scaled_camera_frame():
    scale = np.diag([1 / 1.1] * 3 + [1.0])
    k, r, t = (part[0] for part in split_projections((projection(FORWARD) @ scale)[None]))
    np.testing.assert_allclose(k, INTRINSICS, atol=1e-9)
    np.testing.assert_allclose(r, FORWARD, atol=1e-9)
    np.testing.assert_allclose(t, 1.1 * np.array([0.1, 0.2, -0.3]), atol=1e-9)


def test_points_project_as_the_matrix_says():
    cameras = rig()
    points = torch.tensor([[[10.0, 1.0, 0.5], [-8.0, -1.0, 0.2]]])
    pixels, depth = cameras.project(points)
    for view, rotation in enumerate((FORWARD, BACKWARD)):
        u, v, d = projection(rotation)[:3] @ np.append(points[0, view].numpy(), 1)
        np.testing.assert_allclose(pixels[0, view, view], [u / d, v / d], rtol=1e-5)
        np.testing.assert_allclose(depth[0, view, view], d, rtol=1e-5)
        assert depth[0, view, 1 - view] < 0


def test_cameras_that_are_not_there():
    broken = np.stack([projection(FORWARD), np.full((4, 4), np.nan)])
    gone = rig(dict(lidar2img=broken, image_valid=[True, False]))
    assert gone.valid.tolist() == [[True, False]]
    assert gone.intrinsics.isfinite().all() and gone.translation.isfinite().all()
    with pytest.raises(DataError, match='lidar2img of image 1 .* not finite or has no inverse'):
        rig(dict(lidar2img=broken))
    with pytest.raises(DataError, match='lidar2img'):
        rig(dict())


def test_the_picture_is_what_counts_unless_padding_is_asked_for():
    cameras = rig(dict(lidar2img=projection(FORWARD)[None], img_shape=(60, 120)))
    assert cameras.visible_size(False).tolist() == [[[120, 60]]]
    assert cameras.visible_size(True).tolist() == [[[WIDTH, HEIGHT]]]
    trained = rig(dict(lidar2img=projection(FORWARD)[None], valid_shape=[[100, 50]]))
    assert trained.visible_size(True).tolist() == [[[100, 50]]]


def test_logits():
    x = torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(logit(x).sigmoid(), x)
    assert torch.autograd.gradcheck(logit, x)
    assert logit(torch.tensor([-1.0, 0.0, 1.0, 2.0])).isfinite().all()
    torch.testing.assert_close(pixel_logits((2, 4), x.device).sigmoid()[5],
                               torch.tensor([0.375, 0.75]))


def test_groups_agree_with_a_plain_loop():
    generator = torch.Generator().manual_seed(0)
    member = torch.rand(4, 9, generator=generator) > 0.6
    member[1] = False
    groups = ViewGroups.of(member)
    for row, found in enumerate(groups.index):
        assert found[groups.valid[row]].tolist() == member[row].nonzero().flatten().tolist()
    assert not groups.padding[1, 0] and groups.padding[1, 1:].all()
    values = torch.randn(4, 9, 3, generator=generator)
    back = groups.put_back(groups.take(values), 2, 9)  # 2 samples of 2 views
    for sample in range(2):
        for item in range(9):
            views = [view for view in (2 * sample, 2 * sample + 1) if member[view, item]]
            expected = (torch.stack([values[view, item] for view in views]).amax(0) if views
                        else torch.full((3, ), -torch.inf))
            torch.testing.assert_close(back[sample, item], expected)


def test_groups_without_any_member():
    groups = ViewGroups.of(torch.zeros(3, 5, dtype=torch.bool))
    assert groups.index.shape == (3, 0) and groups.padding.shape == (3, 0)


def test_the_nearest_point_of_a_pixel_wins_and_old_points_do_not_count():
    points = torch.tensor([[10.3, 0.0, 0.0, 1, 0], [20.3, 0.0, 0.0, 1, 0], [5.0, 0, 0, 1, 0.05],
                           [-10.0, 0.0, 0.0, 1, 0]])
    cameras = rig(dict(lidar2img=np.stack([projection(FORWARD, (0, 0, -0.3))] * 2),
                       image_valid=[True, False]))
    found = sparse_depth([points], cameras)
    assert found.shape == (2, 2, HEIGHT // 4, WIDTH // 4)
    assert found[:, 1].sum() == 1 and found[0, 1, 8, 16] == 1
    torch.testing.assert_close(found[0, 0, 8, 16],
                               torch.tensor((10.0 - MEAN_DEPTH) / DEPTH_VARIANCE ** 0.5))
    assert not sparse_depth([points[:0]], cameras).any()


def test_a_cloud_without_ages_is_all_new():
    cameras = rig()
    points = torch.tensor([[5.0, 0.1, 0.2, 0.3, 0.0], [9.0, -1.0, 0.4, 0.1, 0.0]])
    whole = sparse_depth([points], cameras)
    assert whole.any()
    for columns in (3, 4):
        assert torch.equal(sparse_depth([points[:, :columns]], cameras), whole)


def test_heights_of_columns():
    voxels = torch.tensor([[[0, 0, -1.0], [0, 0, 0.0]], [[0, 0, 2.0], [0, 0, 9.0]]])
    coordinates = torch.tensor([[1, 0, 2, 1], [1, 3, 3, 0]])
    middle, occupied = voxel_heights(voxels, torch.tensor([2, 1]), coordinates, 2, (3, 2), 2)
    assert occupied.nonzero().tolist() == [[1, 1, 0]]
    assert middle[1, 1, 0] == 0.5  # between -1 and 2; the 9 is padding, the 0.0 is a point
    empty = voxel_heights(voxels[:0], torch.tensor([]), coordinates[:0], 2, (3, 2), 2)
    assert not empty[1].any()


BOXES = torch.tensor([[12.0, 1.0, -1.0, 4.0, 1.8, 1.5, 0.4, 3.0, -1.0],
                      [-9.0, 0.5, -0.8, 3.0, 1.6, 1.4, -2.0, 0.0, 0.5],
                      [0.0, 40.0, 0.0, 4.0, 1.8, 1.5, 0.0, 0.0, 0.0]])


def test_lifting_undoes_what_a_camera_sees():
    """Every object a camera sees, put back from its pixel, depth, yaw and camera."""
    mirrored = np.stack([projection(np.diag([-1.0, 1, 1]) @ FORWARD), projection(BACKWARD)])
    coder = TransFusionBoxCoder([-20, -20, -3, 20, 20, 3], [0.5, 0.5], 1)
    for cameras in (rig(), rig(dict(lidar2img=mirrored))):
        seen = view_objects(BOXES, torch.tensor([0, 1, 2]), cameras)
        assert seen.row.tolist() == [0, 1] and seen.view.tolist() == [0, 1]
        assert seen.seen(3).tolist() == [True, True, False]
        codes = camera_codes(seen, (HEIGHT, WIDTH)).t()[None]
        outputs = dict(zip(('center_2d', 'depth_2d', 'dim_2d', 'rot_2d', 'vel_2d'),
                           codes.split([2, 1, 3, 2, 2], dim=1), strict=True))
        lifted = lift_boxes(outputs, seen.view[None], cameras, coder)
        # lifted codes give the middle's height, as the coder wants it
        torch.testing.assert_close(coder.decode(lifted.codes)[0], BOXES[:2], atol=1e-3, rtol=1e-4)
        torch.testing.assert_close(lifted.camera_centers[0], seen.boxes[:, :3], atol=1e-4, rtol=0)


def test_objects_are_seen_as_by_the_preparation_of_nuscenes():
    """The preparation of info files annotates cameras with other code: hulls of corners."""
    random = np.random.default_rng(0)
    boxes = np.column_stack([
        random.uniform(-40, 40, (60, 2)), random.uniform(-2, 1, 60),
        random.uniform([3, 1.5, 1], [6, 2.5, 2], (60, 3)), random.uniform(-4, 4, 60),
        random.normal(0, 3, (60, 2))])
    seen = view_objects(torch.from_numpy(boxes).float(), torch.arange(60), rig())
    assert len(seen.row) > 10 and (seen.labels == seen.row).all()
    middle = boxes[:, :7] + np.array([0, 0, .5, 0, 0, 0, 0]) * boxes[:, 5:6]
    objects = [dict(bbox_3d=box.tolist(), velocity=velocity, bbox_label=0, bbox_label_3d=0,
                    attr_label=0) for box, velocity in zip(middle, boxes[:, 7:], strict=True)]
    whole = 0
    for view, rotation in enumerate((FORWARD, BACKWARD)):
        lidar2cam = np.eye(4)
        lidar2cam[:3, :3], lidar2cam[:3, 3] = rotation, (0.1, 0.2, -0.3)
        expected = [item for item in camera_instances(objects, lidar2cam, INTRINSICS,
                                                      (HEIGHT, WIDTH)) if item['center_inside']]
        mine = (seen.view == view).nonzero().flatten()
        assert seen.row[mine].tolist() == [item['instance'] for item in expected]
        for place, item in zip(mine, expected, strict=True):
            left, top, right, bottom = item['bbox']
            _, _, _, length, height, width, yaw = item['bbox_3d']
            if 0 < left and right < WIDTH and 0 < top and bottom < HEIGHT:
                whole += 1  # of others the hull is cut at the border, here the rectangle
                np.testing.assert_allclose(seen.size_2d[place], [right - left, bottom - top],
                                           atol=1e-2)
            np.testing.assert_allclose(seen.pixels[place], item['center_2d'], atol=1e-2)
            assert float(seen.depth[place]) == pytest.approx(item['depth'], abs=1e-3)
            np.testing.assert_allclose(
                seen.boxes[place, [0, 1, 2, 3, 4, 5, 7, 8]],
                [*item['bbox_3d'][:3], length, height, width, *item['velocity']], atol=1e-3)
            assert abs(np.sin((float(seen.boxes[place, 6]) - yaw) / 2)) < 1e-4
    assert whole > 5


def test_the_image_box_of_an_object_beside_the_camera_ends_at_the_near_plane():
    beside = torch.tensor([[3.0, 1.0, -1.0, 8.0, 1.0, 2.0, 0.0]])  # reaches behind the camera
    seen = view_objects(beside, torch.tensor([0]), rig())
    assert len(seen.row) == 1
    assert (seen.size_2d > 0).all() and (seen.size_2d <= torch.tensor([WIDTH, HEIGHT])).all()
    far = torch.tensor([[30.0, 0.0, -1.0, 4.0, 2.0, 2.0, 0.0]])
    width = view_objects(far, torch.tensor([0]), rig()).size_2d[0, 0]
    assert abs(float(width) - 100 * 2.0 / 27.7) < 0.2  # by the nearer face


def test_depth_decides_between_candidates_unless_published_matching_is_asked_for():
    seen = view_objects(BOXES[:1], torch.tensor([0]), rig())
    codes = camera_codes(seen, (HEIGHT, WIDTH))[0]
    middle = seen.boxes[:, :3]
    centers = torch.cat([middle + torch.tensor([0.0, 0, 20]), middle + torch.tensor([0.5, 0, 3])])
    outputs = dict(cls=torch.zeros(1, 2, 2), dim_2d=codes[None, 3:6, None].expand(-1, -1, 2),
                   rot_2d=codes[None, 6:8, None].expand(-1, -1, 2))
    for published, chosen in ((False, 1), (True, 0)):
        targets = camera_targets(outputs, centers[None], torch.zeros(1, 2).long(), [seen],
                                 (HEIGHT, WIDTH), [40.0, 40.0], MatchWeights(iou=0.0), published)
        assert targets.labels[0, chosen] == 0 and targets.labels[0, 1 - chosen] == 2
        torch.testing.assert_close(targets.codes[0, chosen], codes)


def test_a_pair_forced_across_views_is_left_out():
    seen = view_objects(BOXES[:1], torch.tensor([0]), rig())
    outputs = dict(cls=torch.zeros(1, 2, 1), dim_2d=torch.zeros(1, 3, 1),
                   rot_2d=torch.ones(1, 2, 1))
    targets = camera_targets(outputs, torch.zeros(1, 1, 3), torch.tensor([[1]]), [seen],
                             (HEIGHT, WIDTH), [40.0, 40.0], MatchWeights())
    assert targets.labels.tolist() == [[0]] and targets.positives.tolist() == [1]
    assert not targets.label_weights.any() and not targets.code_weights.any()


def test_the_level_of_an_object_follows_from_its_size():
    shapes = [(16, 32), (8, 16), (4, 8), (2, 4)]
    for size, level in ((40.0, 0), (50.0, 1), (100.0, 2), (500.0, 3)):
        seen = view_objects(BOXES[:1], torch.tensor([1]), rig())
        seen.size_2d = torch.tensor([[size, size / 2]])
        heat, = image_heat_target([seen], shapes, views=2, num_classes=2)
        start = sum(h * w for h, w in shapes[:level])
        ones = (heat == 1).nonzero()
        x, y = (seen.pixels[0] / 4 / 2 ** level).int().tolist()
        assert ones.tolist() == [[1, 0, start + y * shapes[level][1] + x]]
