"""Focals Conv-F against the release: image branch, projection, and the fused layers."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

import focalsconv_golden as cases
from focalsconv import CameraViews, ProjectionOptions
from focalsconv.camera_views import pixels_of_voxels, read_views
from sparse3d.structures.cameras import Cameras

KITTI_PUBLISHED = dict(cases.KITTI['published'], truncation=True, behind_camera=True,
                       read_padding=True, depth=True)
KITTI = {**cases.KITTI, 'mask_multi': False, 'enlarge_channels': 0,
         'image_fusion': dict(join='concatenate'), 'published': KITTI_PUBLISHED}
CAMERAS = ('front', 'front_left', 'front_right', 'back', 'back_left', 'back_right')
NUSCENES = {**cases.NUSCENES, 'stages': (), 'enlarge_channels': 0, 'image_fusion': dict(
    join='add', mask_multi=True, skip_mask_kernel=True,
    minimum_depth=(1, 0, 0, 0.5, 0, 0))}
NUSCENES_PUBLISHED = dict(cases.NUSCENES['published'], skip_pixel_zero=True, image_scale=2 / 3)
VOXEL, MINIMUM = torch.tensor([0.05, 0.05, 0.1]), torch.tensor([0, -40., -3])


@pytest.fixture(scope='module')
def golden(golden_dir):
    return cases.Golden(golden_dir)


def turned(yaw: float) -> np.ndarray:
    """Rotation about z, counter-clockwise, 4 x 4."""
    matrix = np.eye(4)
    matrix[:2, :2] = [[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]]
    return matrix


def kitti_augmentation(golden, case: str, sample: int) -> np.ndarray:
    """Original cloud to augmented cloud: flips, then rotation, then scale."""
    def value(name, default):
        key = f'{case}.{name}'
        return golden.inputs[key][sample] if key in golden.inputs else default
    flips = np.diag([-1. if value('flip_y', False) else 1, -1. if value('flip_x', False) else 1,
                     1, 1])
    scale = float(value('noise_scale', 1))
    return np.diag([scale, scale, scale, 1]) @ turned(float(value('noise_rot', 0))) @ flips


def kitti_views(golden, case: str, features: Tensor) -> CameraViews:
    projection = np.eye(4)
    projection[:3] = golden.inputs['kitti_mm.P2']
    lidar2img = projection @ golden.inputs['kitti_mm.lidar2cam'].astype(np.float64)
    matrices = [lidar2img @ np.linalg.inv(kitti_augmentation(golden, case, sample))
                for sample in range(2)]
    size = tuple(int(pixels) for pixels in golden.inputs['kitti_mm.image_hw'])
    return CameraViews(Cameras.of_matrices(torch.from_numpy(np.stack(matrices))[:, None], size),
                       torch.full((2, 1), float(projection[2, 3]), dtype=torch.float64), features)


def enlarged(golden, blocks: str, case: str) -> Tensor:
    """Blocks of equal feature vectors, at the size of the image."""
    height, width = (int(pixels) for pixels in golden.inputs[f'{case}.block_hw'])
    features = torch.from_numpy(golden.inputs[blocks])
    return features.repeat_interleave(height, 2).repeat_interleave(width, 3)


@pytest.mark.parametrize('case', ['kitti_mm', 'kitti_mm_aug'])
def test_kitti_layers_with_images(golden, one_thread, case):
    encoder = golden.encoder('state_kitti_mm', **KITTI)
    views = kitti_views(golden, case, enlarged(golden, 'kitti_mm.image_blocks',
                                               'kitti_mm').unsqueeze(1))
    seen = {}
    encoder.focal_layers.stage1.register_forward_hook(
        lambda *call: seen.update(x_focal1=call[2][0]))
    with torch.no_grad():
        stages, _, encoded = cases.encode_all(encoder, golden, case, views)
    stages['x_focal1'] = cases.in_order(seen['x_focal1'].indices, seen['x_focal1'].features)
    cases.assert_stages(stages, golden, case, cases.EVAL_TOLERANCE)


def nuscenes_augmentation(golden, case: str, sample: int) -> np.ndarray:
    """Augmented cloud back to the original, as stored step by step for row vectors."""
    total = np.eye(4)
    prefix = f'{case}.aug_inv{sample}.'
    if f'{prefix}translate' not in golden.inputs:
        return total
    total[:3, 3] = golden.inputs[f'{prefix}translate'][0]
    for step in ('rescale', 'rotate', 'flip'):
        matrix = np.eye(4)
        matrix[:3, :3] = golden.inputs[prefix + step].T
        total = matrix @ total
    return total


@pytest.mark.parametrize('case', ['nusc_mm', 'nusc_mm_aug'])
@pytest.mark.parametrize('copies', [True, False])
def test_nuscenes_layers_with_six_cameras(golden, one_thread, case, copies):
    encoder = golden.encoder('state_nusc_mm', **{
        **NUSCENES, 'published': dict(NUSCENES_PUBLISHED, background_copies=copies)})
    scale = np.diag([2 / 3, 2 / 3, 1, 1])
    matrices = torch.zeros(2, 6, 4, 4, dtype=torch.float64)
    for index, camera in enumerate(CAMERAS):
        projection = np.eye(4)
        projection[:3, :3] = golden.inputs[f'nusc_mm.cam2img.{camera}']
        for sample in range(2):
            matrices[sample, index] = torch.from_numpy(
                scale @ projection @ golden.inputs[f'nusc_mm.lidar2cam.{camera}']
                @ nuscenes_augmentation(golden, case, sample))
    features = torch.stack([enlarged(golden, f'nusc_mm.image_blocks.{camera}', 'nusc_mm')
                            for camera in CAMERAS], 1)
    views = CameraViews(Cameras.of_matrices(matrices, (600, 1066)),
                        torch.zeros(2, 6, dtype=torch.float64), features)
    seen = {}
    encoder.image_layer.register_forward_pre_hook(lambda _, given: seen.update(before=given[0]))
    with torch.no_grad():
        stages, bev, _ = cases.encode_all(encoder, golden, case, views)
    stages['x_before'] = cases.in_order(seen['before'].indices, seen['before'].features)
    cases.assert_stages(stages, golden, case, cases.EVAL_TOLERANCE)
    cases.assert_map(bev, golden, case)


@pytest.mark.parametrize('setting', ['none', 'flip_x', 'rot', 'scale', 'flip_y', 'all'])
def test_projection_undoes_the_augmentation(golden, setting):
    features = torch.from_numpy(golden.inputs['proj.image_feats']).unsqueeze(1)
    views = kitti_views(golden, f'proj.{setting}', features)
    coordinates = torch.from_numpy(golden.inputs['proj.coords'])
    options = ProjectionOptions(published=KITTI_PUBLISHED)
    pixels, depth = pixels_of_voxels(coordinates, 1, VOXEL, MINIMUM, views, options)
    expected = torch.from_numpy(golden.outputs[f'proj.{setting}.uv'])
    near = (expected.abs() < 5000).all(1)
    assert near.sum() > 100
    torch.testing.assert_close(pixels[near, 0], expected[near], rtol=0, atol=5e-3)
    torch.testing.assert_close(
        depth[:, 0], torch.from_numpy(golden.outputs[f'proj.{setting}.depth']), rtol=0, atol=1e-3)
    sharp = ((expected - expected.round()).abs() > 2e-3).all(1)
    values = read_views(coordinates, 1, VOXEL, MINIMUM, views, options)
    stored = torch.from_numpy(golden.outputs[f'proj.{setting}.features'])
    # Bilinear weights in float32: positions on the feature map are right to about 5e-6.
    torch.testing.assert_close(values[sharp], stored[sharp], rtol=0, atol=5e-5)


def test_image_branch(golden, one_thread):
    encoder = golden.image_encoder('state_kitti_mm', 'backbone_3d.semseg.')
    images = torch.from_numpy(golden.inputs['image.rgb_uint8']).permute(0, 3, 1, 2).unsqueeze(1)
    cameras = Cameras.of_matrices(torch.eye(4).expand(2, 1, 4, 4), tuple(images.shape[-2:]))
    seen = {}
    encoder.backbone.register_forward_hook(lambda *call: seen.update(layer1=call[2][0]))
    with torch.no_grad():
        reduced = encoder.features(images, cameras)[:, 0]
    torch.testing.assert_close(seen['layer1'][:, ::8], torch.from_numpy(
        golden.outputs['image.layer1']), rtol=0, atol=5e-5)
    torch.testing.assert_close(reduced, torch.from_numpy(golden.outputs['image.reduced']),
                               rtol=0, atol=5e-5)
