"""Draws, order of samples, samples and submissions beside those of the published code."""
from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmdet3d.structures import LiDARInstance3DBoxes, LiDARPoints

from sparse3d.apis.detector import detections_of
from sparse3d.datasets.nuscenes.evaluate.tracking_boxes import TRACKING_CLASSES
from sparse3d.datasets.nuscenes.objects import object_arrays
from sparse3d.datasets.nuscenes.prepare.upgrade import upgraded_nuscenes
from sparse3d.datasets.nuscenes.results import make_submission, sample_boxes
from sparse3d.datasets.nuscenes.tracks import tracks_to_nuscenes
from sparse3d.models.video_preprocessor import VideoPreprocessor
from sparse3d.ops.photometric_distortion import PhotometricDraw, distort_photometrically
from sparse3d.preparation.box_anchors import box_anchors
from sparse3d.structures.box_conversions import center_to_lidar
from sparse3d.structures.quaternions import rotation_matrices
from sparse3d.tracking.query_identity import QueryIdentityTracker
from sparse3d.transforms.augment_images import AugmentImages
from sparse3d.transforms.camera_history import CameraHistory
from sparse3d.transforms.load_multi_view_images import CAMERAS
from sparse3d.transforms.object_filters import KeepObjects
from sparse4d.depth_maps import DepthMaps
from sparse4d.detections import Decoded, as_detections
from sparse4d.sequence_augmentation import (
    KEY,
    AugmentSequenceImages,
    SequenceAugmentation,
    TurnScene,
)
from sparse4d.sequence_sampler import SequenceSampler, sequence_groups
from sparse4d.training_objects import KeepNearObjects

MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
PUBLISHED_CLASSES = ('car', 'truck', 'construction_vehicle', 'bus', 'trailer', 'barrier',
                     'motorcycle', 'bicycle', 'pedestrian', 'traffic_cone')
CLASS_RANGES = dict(zip(PUBLISHED_CLASSES, (50, 50, 50, 50, 50, 30, 40, 40, 40, 30), strict=True))
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
    pixels = torch.from_numpy(np.stack(sample['img'])).permute(0, 3, 1, 2)
    normal = VideoPreprocessor(MEAN, STD).normalize(pixels)[:, :, ::8, ::8]
    np.testing.assert_allclose(normal, stored['norm_slice'], atol=0.04)  # 2 of 256 gray levels


def test_matrices_of_an_info_file(data_facts, stored_data, raw_data):
    raw = {name.removeprefix('info_'): value.numpy() for name, value in raw_data.items()
           if name.startswith('info_')}
    info = dict(
        token='a', timestamp=data_facts['info_timestamp_us'], lidar_path='a.bin',
        **{name: raw[name] for name in (
            'lidar2ego_translation', 'lidar2ego_rotation', 'ego2global_translation',
            'ego2global_rotation')},
        cams={camera: dict(
            data_path=f'{camera}.jpg', timestamp=data_facts['info_timestamp_us'],
            sensor2lidar_rotation=raw['cam_rotation'][place],
            sensor2lidar_translation=raw['cam_translation'][place],
            cam_intrinsic=raw['intrinsic'][place]) for place, camera in enumerate(CAMERAS)})
    _, entries, _ = upgraded_nuscenes(dict(infos=[info]), Path('old.pkl'))
    history = CameraHistory(entries, Path('.'))
    views = history.load((0, 0), 0)
    np.testing.assert_allclose(np.stack([views[camera].lidar2img for camera in CAMERAS]),
                               stored_data['info_lidar2img'], atol=1e-6)
    np.testing.assert_allclose(history.lidar2global[0], stored_data['info_lidar2global'],
                               atol=1e-9)
    assert history.timestamps[0] == pytest.approx(float(stored_data['info_timestamp']), abs=1e-6)


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


# Submissions ------------------------------------------------------------------


@pytest.fixture
def submitted(data_facts, raw_data):
    """Sample by sample: token, pose, detections, and the ranges of their boxes around the car."""
    samples = []
    for number, info in enumerate(data_facts['submission_infos']):
        boxes, scores, class_scores, labels, ids = (
            raw_data[f'sub{number}_{what}'] for what in (
                'boxes', 'scores', 'cls_scores', 'labels', 'ids'))
        found = as_detections(Decoded(boxes.float(), scores, labels.long(), class_scores,
                                      ids.long()), 0.2)
        pose = matrix(info, 'ego2global') @ matrix(info, 'lidar2ego')
        centers = boxes[:, :3].double().numpy() @ matrix(info, 'lidar2ego')[:3, :3].T + \
            matrix(info, 'lidar2ego')[:3, 3]
        samples.append((info['token'], pose, found, np.linalg.norm(centers[:, :2], axis=1)))
    return samples


def matrix(info: dict, name: str) -> np.ndarray:
    found = np.eye(4)
    found[:3, :3] = rotation_matrices(np.array(info[f'{name}_rotation']))
    found[:3, 3] = info[f'{name}_translation']
    return found


def same_records(ours: list[dict], stored: list[dict]) -> None:
    for mine, theirs in zip(ours, stored, strict=True):
        assert mine.keys() == theirs.keys()
        for key, value in theirs.items():
            if isinstance(value, str):
                assert mine[key] == value, key
            elif key == 'rotation':  # a quaternion and its negative turn alike
                assert abs(np.dot(mine[key], value)) == pytest.approx(1, abs=1e-5)
            else:
                np.testing.assert_allclose(mine[key], value, atol=2e-4 if key == 'translation'
                                           else 1e-5, err_msg=key)


def test_submission_of_detections(data_facts, submitted):
    """The released code leaves out what the devkit does not score."""
    stored = data_facts['submission_detection']
    assert make_submission({}, dict(use_camera=True))['meta'] == stored['meta']
    for token, pose, found, ranges in submitted:
        ours = sample_boxes(token, found.bboxes_3d.tensor.numpy(), found.scores_3d.numpy(),
                            found.labels_3d.numpy(), PUBLISHED_CLASSES, pose)
        scored = [record for record, distance in zip(ours, ranges, strict=True)
                  if distance <= CLASS_RANGES[record['detection_name']]]
        same_records(scored, stored['results'][token])
        assert len(scored) < len(ours)


def test_submission_of_tracks(data_facts, submitted):
    tracker, names, stored = QueryIdentityTracker(), {}, data_facts['submission_tracking']
    for number, (token, pose, found, ranges) in enumerate(submitted):
        place = {tuple(box): distance for box, distance in zip(
            found.bboxes_3d.tensor.double().tolist(), ranges, strict=True)}
        detections = detections_of(found, PUBLISHED_CLASSES)
        tracked = np.array([name in TRACKING_CLASSES for name in detections.names])
        tracks = tracker.update(detections[tracked], 0.5 * number, pose)
        tracks = tracks[np.array([place[tuple(box)] <= CLASS_RANGES[name] for box, name in zip(
            np.asarray(tracks.boxes_3d, np.float64).tolist(), tracks.names, strict=True)])]
        ours, theirs = tracks_to_nuscenes(tracks, token, pose), stored['results'][token]
        ours, theirs = (sorted(map(dict, records), key=lambda record: -record['tracking_score'])
                        for records in (ours, theirs))
        for mine, other in zip(ours, theirs, strict=True):  # a number for the text of a tensor
            identity = other.pop('tracking_id')
            assert names.setdefault(mine.pop('tracking_id'), identity) == identity
        same_records(ours, theirs)
    assert len(set(names.values())) == len(names)


# Anchors ----------------------------------------------------------------------


def test_anchors(stored_data):
    found = box_anchors(stored_data['kmeans_boxes'].numpy(), 6)
    np.testing.assert_allclose(found, stored_data['kmeans_anchor_sorted'], atol=1e-9)
