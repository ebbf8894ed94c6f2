"""A real frame of nuScenes through dataset, pipelines, checker and pictures."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mmdet3d.registry import DATASETS

from sparse3d.apis.sample_frames import frame_of_sample
from sparse3d.apis.visualize import draw_frame
from sparse3d.datasets.nuscenes.check import check_nuscenes
from sparse3d.structures.box_geometry import points_in_box
from sparse3d.structures.image_rectangles import project_rectangles
from sparse3d.transforms.load_multi_view_images import CAMERAS

CLASSES = ['car', 'truck', 'construction_vehicle', 'bus', 'trailer', 'barrier', 'motorcycle',
           'bicycle', 'pedestrian', 'traffic_cone']
PIPELINE = [
    dict(type='mmdet3d.LoadSweepPoints'),
    dict(type='mmdet3d.LoadMultiViewImages'),
    dict(type='mmdet3d.LoadAnnotations3D', with_bbox_3d=True, with_label_3d=True),
    dict(type='mmdet3d.AugmentImages', size=(256, 704), training=False),
    dict(type='mmdet3d.AugmentScene', rotation=(.3, .3), scale=(1.1, 1.1), flip_horizontal=1.0),
    dict(type='mmdet3d.MarkUnknownVelocities'),
    dict(type='mmdet3d.PackSample', more_meta_keys=['image_valid'],
         keys=['points', 'img', 'gt_bboxes_3d', 'gt_labels_3d'])]


@pytest.fixture(scope='module')
def root(real_data_dir, tmp_path_factory) -> Path:
    """The frame's files in the folders where nuScenes has them."""
    root = tmp_path_factory.mktemp('real') / 'nuscenes'
    for path in (real_data_dir / 'nuscenes_frame').iterdir():
        if path.suffix == '.pkl':
            target = root / 'nuscenes_infos_val.pkl'
        else:
            target = root / 'samples' / path.name.split('__')[1] / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(path.resolve())
    return root


def build(root: Path, pipeline=()):
    return DATASETS.build(dict(
        type='mmdet3d.NuScenesDetectionDataset', data_root=str(root), pipeline=list(pipeline),
        ann_file='nuscenes_infos_val.pkl', metainfo=dict(classes=CLASSES),
        modality=dict(use_lidar=True, use_camera=True)))


def test_the_checker_finds_nothing_wrong(root):
    report = check_nuscenes(root)
    assert report.ok, report
    assert '68 objects (3 without a point, 2 of unknown velocity' in str(report)


def test_points_lie_in_boxes_after_augmentation(root):
    """As many points as were counted by the annotators lie in each box, however it is moved."""
    dataset = build(root, PIPELINE)
    sample = dataset[0]
    boxes = sample['data_samples'].gt_instances_3d.bboxes_3d.tensor.numpy()
    counted = dataset.get_data_info(0)['ann_info']['num_lidar_pts']
    found = [len(points_in_box(sample['inputs']['points'].numpy(), box)) for box in boxes]
    assert len(boxes) > 50
    np.testing.assert_allclose(found, counted, atol=2, rtol=.1)
    assert sample['inputs']['img'].shape == (6, 3, 256, 704)
    assert sample['data_samples'].image_valid.all()


def test_lidar_points_on_a_car_fall_into_its_image_box(root):
    sample = build(root, PIPELINE)[0]
    meta = sample['data_samples'].metainfo
    boxes = sample['data_samples'].gt_instances_3d.bboxes_3d.tensor.numpy()
    points, checked = sample['inputs']['points'].numpy(), 0
    clouds = [points[points_in_box(points, box), :3] for box in boxes]
    for view, row in np.ndindex(len(CAMERAS), len(boxes)):
        matrix = meta['lidar2img'][view]
        left, top, right, bottom = project_rectangles(boxes[row:row + 1], matrix)[0][0]
        u, v, depth = matrix[:3, :3] @ clouds[row].T + matrix[:3, 3:]
        u, v = u / depth, v / depth
        shown = (depth > 0) & (u >= 0) & (u < 704) & (v >= 0) & (v < 256)
        margin = 1.5  # the sensor looked up to 50 ms before or after the camera
        assert ((u >= left - margin) & (u <= right + margin)
                & (v >= top - margin) & (v <= bottom + margin))[shown].all()
        checked += shown.sum()
    assert checked > 100


def test_pictures_of_all_cameras(root, tmp_path):
    dataset = build(root, PIPELINE)
    frame = frame_of_sample(dataset, 0, dataset[0])
    assert [picture.name for picture in frame.pictures] == list(CAMERAS)
    assert frame.pictures[0].image.shape == (900, 1600, 3)
    paths = draw_frame(frame, tmp_path, renderer=None)
    assert len(paths) == 7 and all(path.stat().st_size > 10000 for path in paths)
