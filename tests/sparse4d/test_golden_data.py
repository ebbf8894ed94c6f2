"""Draws, order of samples, samples and submissions beside those of the published code."""
from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmdet3d.structures import LiDARInstance3DBoxes, LiDARPoints

from sparse3d.datasets.nuscenes.objects import object_arrays
from sparse3d.ops.photometric_distortion import PhotometricDraw, distort_photometrically
from sparse3d.preparation.box_anchors import box_anchors
from sparse3d.structures.box_conversions import center_to_lidar
from sparse3d.transforms.augment_images import AugmentImages
from sparse3d.transforms.object_filters import KeepObjects
from sparse4d.depth_maps import DepthMaps
from sparse4d.sequence_augmentation import (
    KEY,
    AugmentSequenceImages,
    SequenceAugmentation,
    TurnScene,
)
from sparse4d.sequence_sampler import SequenceSampler, sequence_groups
from sparse4d.training_objects import KeepNearObjects

PUBLISHED = dict(published_resize_matrix=True, published_nearest_turning=True)


def published_images(size=(256, 704)) -> AugmentSequenceImages:
    return AugmentSequenceImages(size, angle=tuple(np.deg2rad([-5.4, 5.4])), resampling=PUBLISHED)


def scenes_of(lengths: list[int]) -> list[int]:
    return np.repeat(np.arange(len(lengths)), lengths).tolist()


def as_drawn(case: dict) -> SequenceAugmentation:
    """A stored draw in our words."""
    return SequenceAugmentation(case['resize'], tuple(case['resize_dims'][::-1]),
                                (case['crop'][1], case['crop'][0]), case['flip'],
                                np.deg2rad(case['rotate']), case['rotate_3d'])


# Sequences --------------------------------------------------------------------


@pytest.mark.parametrize('parts', [1, 2, 3, 'all'])
def test_scenes_are_cut_into_sequences(data_facts, parts):
    lengths = data_facts['scene_lengths']
    groups = sequence_groups(scenes_of(lengths), max(lengths) if parts == 'all' else parts)
    flags = [number for number, group in enumerate(groups) for _ in group]
    assert flags == data_facts[f'group_flag_split_{parts}']


@pytest.fixture
def walk(data_facts):
    """Function that gives what a sampler gives: indices and factors of resizing."""
    def make(monkeypatch, batch, steps, world=(0, 1), **options):
        monkeypatch.setattr('sparse4d.sequence_sampler.get_dist_info', lambda: world)
        dataset = SimpleNamespace(
            scenes=scenes_of(data_facts['scene_lengths']),
            pipeline=SimpleNamespace(transforms=[published_images()]))
        batches = SequenceSampler(dataset, **options).batches(batch)
        found = [next(batches) for _ in range(steps)]
        return ([[int(index) for index in each] for each in found],
                [[index.known[KEY].resize for index in each] for each in found])
    return make


def test_two_slots_walk_as_published(data_facts, walk, monkeypatch):
    expected = data_facts['sampler_world1_rank0']
    indices, factors = walk(monkeypatch, 2, len(expected), seed=4, random_seed=11)
    assert indices == expected
    np.testing.assert_allclose(factors, data_facts['sampler_world1_rank0_resize'], atol=1e-6)


@pytest.mark.parametrize('rank', [0, 1])
def test_two_processes_walk_as_published(data_facts, walk, monkeypatch, rank):
    expected = data_facts[f'sampler_world2_rank{rank}']
    indices, factors = walk(monkeypatch, 1, len(expected), (rank, 2), seed=4,
                            random_seed=11 + rank)
    assert indices == expected
    np.testing.assert_allclose(factors, data_facts[f'sampler_world2_rank{rank}_resize'], atol=1e-6)


def test_without_skipping_and_reversing_as_published(data_facts, walk, monkeypatch):
    expected = data_facts['sampler_plain']
    indices, _ = walk(monkeypatch, 3, len(expected), seed=9, skip=0.0, reverse=0.0)
    assert indices == expected


# Augmentation -----------------------------------------------------------------


def test_draws_of_the_augmentation(data_facts):
    random, transform = np.random.RandomState(0), published_images()
    for case in data_facts['aug_seed0_train']:
        drawn, expected = transform.draw_for_sequence(random), as_drawn(case)
        assert drawn[1:4] == expected[1:4]
        np.testing.assert_allclose([drawn.resize, drawn.angle, drawn.scene_angle],
                                   [expected.resize, expected.angle, expected.scene_angle],
                                   rtol=1e-12)


@pytest.mark.parametrize('size', [(256, 704), (512, 1408), (640, 1600)])
def test_images_of_tests(data_facts, size):
    case = as_drawn(data_facts[f'aug_test_{size[1]}x{size[0]}'])
    motion, factor = AugmentImages(size, training=False)._draw((900, 1600))
    assert (motion.resized, motion.corner, motion.flip) == case[1:4]
    assert factor == case.resize


@pytest.mark.parametrize('name', ['plain', 'flip', 'rotate'])
def test_a_sample(data_facts, stored_data, name):
    stored = {key.removeprefix(f'pipe_{name}_'): value for key, value in stored_data.items()
              if key.startswith(f'pipe_{name}_')}
    boxes = stored_data['pipe_boxes'].float()
    sample = {
        KEY: as_drawn(data_facts['pipe_cases'][name]),
        'img': list(stored_data['pipe_img'].numpy()),
        'points': LiDARPoints(stored_data['pipe_points'], points_dim=5),
        'lidar2img': stored_data['pipe_lidar2img'].numpy(),
        'cam2img': stored_data['pipe_intrinsic'].numpy(),
        'lidar2global': stored_data['pipe_lidar2global'].numpy(),
        'gt_bboxes_3d': LiDARInstance3DBoxes(
            torch.from_numpy(center_to_lidar(boxes.numpy())), box_dim=9),
        'gt_labels_3d': stored_data['info_labels'].numpy(),
        'gt_track_ids': stored_data['info_instance_inds'].numpy()}
    original = tuple(sample['img'][0].shape[:2])
    images = AugmentSequenceImages((32, 64), original, resampling=PUBLISHED)
    sample = DepthMaps()(images(sample))
    difference = np.abs(np.stack(sample['img']).astype(int) - stored['img'].numpy())
    assert difference.max() <= 2
    np.testing.assert_allclose(sample['lidar2img'], stored['lidar2img_image'], atol=1e-4)
    for level in range(3):
        np.testing.assert_allclose(sample['depth_maps'][level], stored[f'gt_depth{level}'],
                                   atol=1e-4)
    for step in (TurnScene(), KeepNearObjects(55.0), KeepObjects(classes=list('0123456789'))):
        sample = step(sample)
    np.testing.assert_allclose(sample['lidar2img'], stored['projection_mat'], atol=1e-4)
    np.testing.assert_allclose(sample['lidar2global'], stored['lidar2global'], atol=1e-9)
    np.testing.assert_allclose(np.linalg.inv(sample['lidar2global']), stored['T_global_inv'],
                               atol=1e-9)
    found = sample['gt_bboxes_3d']
    np.testing.assert_allclose(torch.cat([found.gravity_center, found.tensor[:, 3:]], 1),
                               stored['boxes'], atol=2e-5)
    assert sample['gt_labels_3d'].tolist() == stored['labels'].tolist()
    assert sample['gt_track_ids'].tolist() == stored['instance_id'].tolist()
    focal = np.sqrt(np.abs(np.linalg.det(sample['cam2img'][:, :2, :2])))
    np.testing.assert_allclose(focal, stored['focal'], rtol=1e-6)


def test_labels_of_an_info_file(data_facts, stored_data, raw_data):
    names = data_facts['info_gt_names']
    classes = ['car', 'truck', 'construction_vehicle', 'bus', 'trailer', 'barrier', 'motorcycle',
               'bicycle', 'pedestrian', 'traffic_cone']
    labels = {number: classes.index(name) if name in classes else -1
              for number, name in enumerate(names)}
    instances = [dict(bbox_3d=box.tolist(), velocity=speed.tolist(), bbox_label_3d=number,
                      num_lidar_pts=int(points), instance_token=str(int(identity)))
                 for number, (box, speed, points, identity) in enumerate(zip(
                     raw_data['info_gt_boxes'], raw_data['info_gt_velocity'],
                     raw_data['info_num_lidar_pts'], raw_data['info_instance_inds'],
                     strict=True))]
    found = object_arrays(instances, labels, 'lidar', 'zero')
    known = stored_data['info_labels'] >= 0  # a class that is none is dropped at once
    np.testing.assert_allclose(
        found['gt_bboxes_3d'], center_to_lidar(stored_data['info_boxes'][known].numpy()), atol=1e-5)
    assert found['gt_labels_3d'].tolist() == stored_data['info_labels'][known].tolist()
    assert [int(token) for token in found['instance_tokens']] == \
        stored_data['info_instance_inds'][known].tolist()


def published_photometric_draw(random: np.random.RandomState, count: int) -> PhotometricDraw:
    """The draws of the released transform, image by image."""
    rows = []
    for _ in range(count):
        brightness = random.uniform(-32, 32) if random.randint(2) else 0.0
        mode = random.randint(2)
        early = random.uniform(0.5, 1.5) if mode == 1 and random.randint(2) else 1.0
        saturation = random.uniform(0.5, 1.5) if random.randint(2) else 1.0
        hue = random.uniform(-18, 18) if random.randint(2) else 0.0
        late = random.uniform(0.5, 1.5) if mode == 0 and random.randint(2) else 1.0
        order = random.permutation(3) if random.randint(2) else np.arange(3)
        # ours shuffles red, green, blue, the released code blue, green, red
        rows.append((brightness, early, saturation, hue, late, 2 - order[::-1]))
    return PhotometricDraw(*(np.array(column) for column in zip(*rows, strict=True)))


def test_photometric_distortion(stored_data):
    images = stored_data['pipe_img']
    images = torch.cat([images, images.flip(0)])[:, :20:2, :24:2].permute(0, 3, 1, 2).float()
    draw = published_photometric_draw(np.random.RandomState(3), len(images))
    found = distort_photometrically(images, draw, clip=False).permute(0, 2, 3, 1)
    np.testing.assert_allclose(found, stored_data['photo_seed3'], atol=5e-3)


# Anchors ----------------------------------------------------------------------


def test_anchors(stored_data):
    found = box_anchors(stored_data['kmeans_boxes'].numpy(), 6)
    np.testing.assert_allclose(found, stored_data['kmeans_anchor_sorted'], atol=1e-9)
