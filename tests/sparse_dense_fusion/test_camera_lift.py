"""Pixels go where their rays do: by hand, against a loop, on real cameras."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

import sparse_dense_fusion.register  # noqa: F401
from sparse3d.errors import ConfigError
from sparse3d.models.heads.transfusion_box_coder import TransFusionBoxCoder
from sparse3d.ops.sparse_depth import DEPTH_VARIANCE, MEAN_DEPTH, sparse_depth
from sparse3d.safe_pickle import loads_plain, with_numpy
from sparse3d.structures.camera_rig import CameraRig
from sparse_dense_fusion.camera_lift import CameraLift, DepthBins, pixel_directions, splat

SIZE = (64, 96)     # of the images
SHAPE = (4, 6)      # of the level, stride 16
RANGE = [-16.0, -12.0, -3.0, 16.0, 20.0, 2.0]
FORWARD = np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]])


def coder() -> TransFusionBoxCoder:
    return TransFusionBoxCoder(RANGE, [0.5, 0.25], 2)  # cells of 1 x 0.5 m: 32 along x, 64 along y


def around_z(angle: float) -> np.ndarray:
    return np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0],
                     [0, 0, 1]])


def draw_rig(batch: int = 1, views: int = 3, mirrored: bool = False, **meta) -> CameraRig:
    """Cameras at drawn places that look all round, with different lenses."""
    random = np.random.default_rng(3)
    metas = []
    for _ in range(batch):
        matrices = np.tile(np.eye(4), (views, 1, 1))
        for view in range(views):
            lens = np.array([[random.uniform(40, 80), random.uniform(-1, 1), 45],
                             [0, random.uniform(40, 80), 30], [0, 0, 1]])
            turn = FORWARD @ around_z(2.1 * view + random.uniform(-0.2, 0.2)).T
            matrices[view, :3, :3] = lens @ turn
            matrices[view, :3, 3] = lens @ turn @ random.uniform(-1, 1, 3)
        if mirrored:
            matrices = matrices @ np.diag([1.0, -1, 1, 1])
        metas.append(dict(lidar2img=matrices, **meta))
    return CameraRig.from_metas(metas, SIZE)


def tiny_lift(**changes) -> CameraLift:
    torch.manual_seed(0)
    return CameraLift(**{**dict(
        image_channels=8, channels=8, context_channels=5, hidden_channels=8, level=0,
        bins=dict(nearest=1, farthest=13, count=6)), **changes}).eval()


def loop_over_pixels_and_bins(probability: Tensor, context: Tensor, rig: CameraRig,
                              bins: DepthBins) -> np.ndarray:
    """The map [B, C + 1, H, W] in float64, by the inverse of each projection."""
    grid = coder()
    batch, views = rig.valid.shape
    width, height = grid.map_size
    summed = np.zeros((batch, context.shape[1] + 1, height, width))
    matrices = rig.cameras.lidar2img.double().numpy()
    for image in range(batch * views):
        sample, view = divmod(image, views)
        back = np.linalg.inv(matrices[sample, view])
        for v in range(SHAPE[0]):
            for u in range(SHAPE[1]):
                for number in range(bins.count):
                    depth = bins.nearest + (number + 0.5) * bins.step
                    x, y, z = (back @ [(u + 0.5) * 16 * depth, (v + 0.5) * 16 * depth, depth,
                                       1])[:3]
                    column, row = int(np.floor(x + 16)), int(np.floor((y + 12) / 0.5))
                    if 0 <= column < width and 0 <= row < height and -3 <= z <= 2:
                        share = float(probability[image, number, v, u])
                        values = [*context[image, :, v, u].tolist(), 1.0]
                        summed[sample, :, row, column] += share * np.array(values)
    return summed


@pytest.mark.parametrize('mirrored', [False, True])
def test_as_a_loop_over_pixels_and_bins(mirrored):
    lift, rig = tiny_lift(), draw_rig(2, mirrored=mirrored)
    random = torch.Generator().manual_seed(1)
    probability = torch.rand(6, 6, *SHAPE, generator=random)
    context = torch.randn(6, 5, *SHAPE, generator=random)
    found = splat(probability, context, lift.cells_of(SHAPE, rig, coder()), 2, coder().map_size)
    expected = loop_over_pixels_and_bins(probability, context, rig, lift.bins)
    assert np.abs(expected).max() > 1
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)


def test_one_bright_pixel_lands_in_its_cell_by_hand():
    """A camera at the origin that looks along x: pixel (3, 1), 4 to 6 m deep."""
    lens = np.array([[48.0, 0, 48], [0, 48, 32], [0, 0, 1]])
    matrix = np.eye(4)
    matrix[:3, :3] = lens @ FORWARD
    rig = CameraRig.from_metas([dict(lidar2img=matrix)], SIZE)
    lift = tiny_lift(bins=dict(nearest=0, farthest=12, count=6))
    probability, context = torch.zeros(1, 6, *SHAPE), torch.zeros(1, 5, *SHAPE)
    probability[0, 2, 1, 3] = 1.0   # 5 m; the pixel's center is (56, 24): 8 right, 8 up of 48
    context[0, :, 1, 3] = 7.0
    found = splat(probability, context, lift.cells_of(SHAPE, rig, coder()), 1, coder().map_size)
    # x = 5, y = -5 * 8 / 48 = -0.833, z = 0.833: column 5 + 16, row (-0.833 + 12) / 0.5 = 22.3.
    assert found[0, :, 22, 21].tolist() == [7.0] * 5 + [1.0]
    assert float(found.abs().sum()) == 7.0 * 5 + 1


def test_points_outside_of_the_heights_are_left_out():
    rig, lift = draw_rig(), tiny_lift()
    cells = lift.cells_of(SHAPE, rig, coder())
    flat = TransFusionBoxCoder([*RANGE[:2], -0.1, *RANGE[3:5], 0.1], [0.5, 0.25], 2)
    outside = coder().map_size[0] * coder().map_size[1]
    fewer = (lift.cells_of(SHAPE, rig, flat) < outside).sum()
    assert 0 < fewer < (cells < outside).sum()


@pytest.fixture(scope='module')
def real_frame(real_data_dir) -> tuple[np.ndarray, Tensor]:
    """Projections [6, 4, 4] of a frame of nuScenes, and its points [N, 3]."""
    folder = real_data_dir / 'nuscenes_frame'
    path = next(folder.glob('*.pkl'))
    entry = with_numpy(loads_plain(path.read_bytes(), str(path)))['data_list'][0]
    matrices = []
    for camera in entry['images'].values():
        lens = np.eye(4)
        lens[:3, :3] = camera['cam2img']
        matrices.append(lens @ np.array(camera['lidar2cam']))
    points = np.fromfile(next(folder.glob('*.pcd.bin')), np.float32).reshape(-1, 5)[:, :3]
    return np.stack(matrices), torch.from_numpy(points)


@pytest.mark.parametrize('mirrored', [False, True])
def test_the_ray_through_a_point_of_a_real_frame_hits_its_cell(real_frame, mirrored):
    """For each camera, with its own calibration."""
    matrices, points = real_frame
    if mirrored:
        turn = np.diag([1.0, -1, 1, 1])
        matrices, points = matrices @ turn, points * torch.tensor([1.0, -1, 1])
    rig = CameraRig.from_metas([dict(lidar2img=matrices)], (900, 1600))
    pixels, depth = rig.project(points[None])
    rays = torch.linalg.solve(rig.intrinsics, torch.cat(
        [pixels, torch.ones_like(depth)[..., None]], dim=-1).mT).mT
    found = rig.to_lidar(rays * depth[..., None])[0]
    grid = TransFusionBoxCoder([-54, -54, -5, 54, 54, 3], [0.075, 0.075], 8)
    seen = ((pixels > 0) & (pixels < torch.tensor([1600.0, 900]))).all(-1) & (depth > 1)
    assert (seen[0].sum(1) > 500).all()
    for view in range(6):
        there = seen[0, view]
        torch.testing.assert_close(grid.to_cells(found[view, there, :2]),
                                   grid.to_cells(points[there, :2]), atol=5e-3, rtol=0)


def test_one_bright_pixel_of_each_real_camera_lands_in_its_cell(real_frame):
    matrices, _ = real_frame
    rig = CameraRig.from_metas([dict(lidar2img=matrices)], (896, 1600))
    grid = TransFusionBoxCoder([-54, -54, -5, 54, 54, 3], [0.075, 0.075], 8)
    lift = tiny_lift(bins=dict(nearest=1, farthest=61, count=60))
    cells = lift.cells_of((56, 100), rig, grid)
    for view in range(6):
        probability = torch.zeros(6, 60, 56, 100)
        context = torch.zeros(6, 1, 56, 100)
        probability[view, 17, 30, 41], context[view, :, 30, 41] = 1.0, 3.0
        found = splat(probability, context, cells, 1, grid.map_size)[0]
        u, v, depth = 41.5 * 16, 30.5 * 16, 18.5
        x, y, z = (np.linalg.inv(matrices[view]) @ [u * depth, v * depth, depth, 1])[:3]
        assert -5 < z < 3
        column, row = int((x + 54) // 0.6), int((y + 54) // 0.6)
        assert found[:, row, column].tolist() == [3.0, 1.0]
        assert float(found.sum()) == 4.0


def check_rays(matrices: np.ndarray, size: tuple[int, int]) -> None:
    """Points in front of each camera come back to where they are, by ray and depth."""
    rig = CameraRig.from_metas([dict(lidar2img=matrices)], size)
    shape = (size[0] // 4, size[1] // 4)
    rays = pixel_directions(shape, rig)
    points = rig.to_lidar(rays * 17.3)                                   # [1, N, P, 3]
    for view in range(rig.views):
        pixels, depth = (part[0, view] for part in rig.project(points[:, view]))
        torch.testing.assert_close(depth, torch.full_like(depth, 17.3), atol=1e-3, rtol=1e-4)
        row, column = 3, 7
        centers = torch.tensor([(column + 0.5) * 4, (row + 0.5) * 4])
        torch.testing.assert_close(pixels[row * shape[1] + column], centers, atol=5e-2, rtol=0)


def test_rays_of_six_published_cameras_come_back():
    """Angles and lenses of nuScenes' ring, as the configs scale its images."""
    matrices = []
    for angle, focal in ((0, 1266), (-55, 1260), (55, 1272), (180, 809), (-110, 1256), (110, 1259)):
        lens = np.array([[focal / 2, 0, 408], [0, focal / 2, 246], [0, 0, 1]])
        turn = FORWARD @ around_z(np.deg2rad(angle)).T
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = lens @ turn, lens @ [0.02, -0.33, -0.6]
        matrices.append(matrix)
    check_rays(np.stack(matrices), (448, 800))


def test_the_mass_is_that_of_the_valid_bins():
    lift, rig = tiny_lift(), draw_rig(2, image_valid=[True, False, True])
    random = torch.Generator().manual_seed(1)
    logits, context = (torch.randn(6, count, *SHAPE, generator=random) for count in (6, 5))
    probability, masked = lift.masked(logits, context, rig.picture_mask(SHAPE))
    assert (probability[[1, 4]] == 0).all() and (masked[[1, 4]] == 0).all()
    cells = lift.cells_of(SHAPE, rig, coder())
    inside = (cells < 2 * 32 * 64).view(6, 6, *SHAPE).transpose(0, 1)
    found = splat(probability, masked, cells, 2, coder().map_size)
    expected = (probability[:, :, None] * masked[:, None] * inside[:, :, None]).sum()
    torch.testing.assert_close(found[:, :-1].sum(), expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found[:, -1].sum(), (probability * inside).sum(), atol=1e-4,
                               rtol=1e-4)


def test_nothing_without_a_number_comes_out_of_an_absent_camera_or_of_padding():
    lift = tiny_lift()
    rig = draw_rig(1, image_valid=[True, False, True], valid_shape=np.tile([50.0, 64.0], (3, 1)))
    logits, context = torch.zeros(3, 6, *SHAPE), torch.ones(3, 5, *SHAPE)
    logits[1], context[1] = torch.nan, torch.nan
    logits[:, :, :, 4:], context[:, :, :, 4:] = torch.nan, torch.nan  # centers at 72 and 88 > 50
    probability, masked = lift.masked(logits, context, rig.picture_mask(SHAPE))
    found = splat(probability, masked, lift.cells_of(SHAPE, rig, coder()), 1, coder().map_size)
    assert found.isfinite().all() and found.sum() > 0
    # Columns 0 to 2 have their centers, 8, 24 and 40, in the 50 pixels with a picture.
    assert (probability[0].sum(0) > 0)[0].tolist() == [True] * 3 + [False] * 3


def test_a_mirrored_scene_gives_a_mirrored_map():
    symmetric = TransFusionBoxCoder([-16, -16, -3, 16, 16, 2], [0.5, 0.5], 2)
    lift = tiny_lift()
    random = torch.Generator().manual_seed(2)
    probability = torch.rand(3, 6, *SHAPE, generator=random)
    context = torch.randn(3, 5, *SHAPE, generator=random)
    plain, mirrored = (splat(probability, context, lift.cells_of(
        SHAPE, draw_rig(mirrored=flag), symmetric), 1, symmetric.map_size)
        for flag in (False, True))
    assert plain.abs().max() > 1
    torch.testing.assert_close(plain.flip(2), mirrored, atol=1e-5, rtol=1e-5)


def test_gradients_of_the_sums():
    lift, rig = tiny_lift(bins=dict(nearest=1, farthest=9, count=2)), draw_rig(1, 2)
    coarse = TransFusionBoxCoder(RANGE, [4, 4], 2)
    cells = lift.cells_of((2, 3), rig, coarse)
    random = torch.Generator().manual_seed(2)
    probability = torch.rand(2, 2, 2, 3, generator=random, dtype=torch.float64, requires_grad=True)
    context = torch.randn(2, 2, 2, 3, generator=random, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda *parts: splat(*parts, cells, 1, coarse.map_size), (probability, context))


def test_the_product_of_depths_and_contexts_is_never_whole():
    """What a training step keeps is far below [B * N, bins, C, h, w]."""
    lift, rig = tiny_lift(bins=dict(nearest=1, farthest=61, count=60), context_channels=64), (
        draw_rig(2))
    shape = (16, 24)
    probability = torch.rand(6, 60, *shape, requires_grad=True)
    context = torch.rand(6, 64, *shape, requires_grad=True)
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    cells = lift.cells_of(shape, rig, coder())
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        splat(probability, context, cells, 2, coder().map_size)
    assert sum(kept.values()) < 0.1 * 4 * 6 * 60 * 64 * shape[0] * shape[1]


def test_the_same_sums_twice():
    lift, rig = tiny_lift(), draw_rig(2)
    cells = lift.cells_of(SHAPE, rig, coder())
    probability, context = torch.rand(6, 6, *SHAPE), torch.randn(6, 5, *SHAPE)
    first, second = (splat(probability, context, cells, 2, (32, 64)) for _ in range(2))
    assert torch.equal(first, second)


def test_the_whole_module_says_what_cameras_cover():
    lift, rig = tiny_lift(), draw_rig(1)
    points = torch.rand(500, 3) * torch.tensor([24.0, 24, 2]) - torch.tensor([12.0, 12, 1])
    depth = sparse_depth([points], rig, 4)
    cameras, coverage, logits = lift([torch.randn(3, 8, *SHAPE)], depth, rig, coder())
    assert cameras.shape == (1, 8, 64, 32) and logits.shape == (3, 6, *SHAPE)
    assert set(coverage.unique().tolist()) == {0.0, 1.0}
    without = CameraRig.from_metas([dict(lidar2img=rig.cameras.lidar2img[0].numpy(),
                                         image_valid=[False] * 3)], SIZE)
    _, nothing, _ = lift([torch.randn(3, 8, *SHAPE)], sparse_depth([points], without, 4), without,
                         coder())
    assert not nothing.any()


def test_depths_learn_from_the_lidar():
    lift = tiny_lift(depth_loss_weight=2.0)
    meters = torch.tensor([[1.5, 3.2, 12.9, 13.5, 0.5, 7.0]]).expand(1, 1, 1, 6)
    known = torch.tensor([1.0, 1, 1, 1, 1, 0]).view(1, 1, 1, 6)
    depth = torch.cat([(meters - MEAN_DEPTH) / DEPTH_VARIANCE ** 0.5, known], dim=1)
    logits = torch.zeros(1, 6, 1, 6)
    for column, number in enumerate((0, 1, 5)):  # of bins of 2 m from 1 m on
        logits[0, number, 0, column] = 50.0
    assert float(lift.depth_loss(logits, depth)) < 1e-4  # too far, too near and unknown: no loss
    wrong = logits.flip(1)
    assert float(lift.depth_loss(wrong, depth)) == pytest.approx(2 * 50, rel=1e-3)
    assert float(lift.depth_loss(wrong, depth * torch.tensor([1, 0]).view(1, 2, 1, 1))) == 0


def test_what_does_not_fit_is_refused():
    with pytest.raises(ConfigError, match='bins from 9 to 3 meters in 60 steps hold no depth'):
        tiny_lift(bins=dict(nearest=9, farthest=3))
    with pytest.raises(ConfigError, match=r'level 0 of the images has \(5, 6\) pixels'):
        tiny_lift().look(torch.zeros(1, 8, 5, 6), torch.zeros(1, 2, 16, 24))
