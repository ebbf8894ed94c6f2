"""Own data as a dataset: samples, classes, velocities, missing files."""
from __future__ import annotations

import json
import shutil

import cv2
import numpy as np
import pytest
from mmengine.registry import init_default_scope

from sparse3d.datasets.custom.dataset import CustomDetectionDataset
from sparse3d.datasets.custom.prepare.frames import prepare_custom
from sparse3d.errors import ConfigError, DataError

ROWS = ('class,x,y,z_bottom,dx,dy,dz,yaw,vx,vy\n'
        'Car,10,2,-1,4,2,1.6,0.5,3,1\nDog,5,0,-1,1,.4,.6,0,nan,nan\n')
LOAD = [dict(type='LoadPointFile', columns=4),
        dict(type='LoadAnnotations3D', with_bbox_3d=True, with_label_3d=True),
        dict(type='PackSample', keys=['points', 'gt_bboxes_3d', 'gt_labels_3d'])]


@pytest.fixture
def own(tmp_path):
    (tmp_path / 'points').mkdir()
    (tmp_path / 'boxes').mkdir()
    for name in ('a', 'b', 'c'):
        points = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
        points[3, 1] = np.nan
        np.save(tmp_path / f'points/{name}.npy', points)
        (tmp_path / f'boxes/{name}.csv').write_text(ROWS)
    prepare_custom(tmp_path)
    return tmp_path


def dataset(root, classes, split='train', **options):
    init_default_scope('mmdet3d')
    return CustomDetectionDataset(str(root), f'own_infos_{split}.pkl', dict(classes=classes),
                                  pipeline=LOAD, **options)


def test_a_sample_has_points_boxes_and_labels_in_the_order_of_the_classes(own):
    sample = dataset(own, ['Dog', 'Car'])[0]
    assert sample['inputs']['points'].shape == (19, 4)  # the point with NaN is left out
    truth = sample['data_samples'].gt_instances_3d
    assert truth.labels_3d.tolist() == [1, 0]
    np.testing.assert_allclose(truth.bboxes_3d.tensor[0], [10, 2, -1, 4, 2, 1.6, 0.5], rtol=1e-6)


def test_classes_left_out_and_velocities(own):
    truth = dataset(own, ['Dog'], velocities=True)[0]['data_samples'].gt_instances_3d
    np.testing.assert_allclose(truth.bboxes_3d.tensor, [[5, 0, -1, 1, .4, .6, 0, 0, 0]], rtol=1e-6)


def test_a_misspelt_class_is_named_with_the_nearest(own):
    with pytest.raises(ConfigError, match="'car' .* did you mean 'Car'"):
        dataset(own, ['car'])


def test_missing_files_are_named_at_the_start(own):
    (own / 'points/a.npy').unlink()
    with pytest.raises(DataError, match='a.npy .* does not exist'):
        dataset(own, ['Car'])
    with pytest.raises(DataError, match='create-data custom'):
        dataset(own, ['Car'], split='absent')


def test_pictures_of_own_cameras_reach_a_camera_model(own):
    """One frame of images, in the order asked for; and one sentence where they are not wanted."""
    matrices = dict(cam2img=[[20, 0, 16], [0, 20, 9], [0, 0, 1]],
                    lidar2cam=[[0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
    for number, camera in enumerate(('LEFT', 'RIGHT')):
        (own / f'images/{camera}').mkdir(parents=True)
        for name in ('a', 'b', 'c'):
            picture = np.full((18, 32, 3), 40 + 100 * number, np.uint8)
            cv2.imwrite(str(own / f'images/{camera}/{name}.png'), picture)
    (own / 'calibration.json').write_text(json.dumps(dict(LEFT=matrices, RIGHT=matrices)))
    prepare_custom(own)
    options = dict(metainfo=dict(classes=['Car']), pipeline=[
        dict(type='LoadMultiViewImages', cameras=['RIGHT', 'LEFT'])])
    seen = dict(modality=dict(use_lidar=False, use_camera=True))
    init_default_scope('mmdet3d')
    sample = CustomDetectionDataset(str(own), 'own_infos_train.pkl', **options, **seen)[0]
    assert [int(image.max()) for image in sample['img']] == [140, 40]
    assert sample['image_valid'].all() and sample['num_frames'] == 1
    ahead = sample['lidar2img'][0] @ [10.0, 0, 0, 1]
    np.testing.assert_allclose(ahead[:2] / ahead[2], [16, 9])
    with pytest.raises(DataError, match=r'use_camera=True'):
        CustomDetectionDataset(str(own), 'own_infos_train.pkl', **options)[0]


def test_names_velocities_and_what_frames_json_says(own):
    pose = np.eye(4).tolist()
    (own / 'frames.json').write_text(json.dumps({
        name: dict(timestamp=time, scene='s', lidar2global=pose)
        for name, time in (('a', 3), ('b', 2), ('c', 1))}))
    prepare_custom(own)
    split = dataset(own, ['Car', 'Dog'], velocities=True, unknown_velocities='nan')
    info = split.get_data_info(0)
    assert (info['frame_name'], info['scene_token'], info['timestamp']) == ('c', 's', 1.0)
    assert info['lidar2global'].shape == (4, 4)
    sample = split[0]
    assert sample['data_samples'].metainfo['frame_name'] == 'c'
    boxes = sample['data_samples'].gt_instances_3d.bboxes_3d.tensor.numpy()
    np.testing.assert_allclose(boxes[0, 7:], [3, 1])
    assert np.isnan(boxes[1, 7:]).all()
    with pytest.raises(ConfigError, match='unknown_velocities'):
        dataset(own, ['Car'], unknown_velocities='none')


def test_frames_of_cameras_alone(own):
    """Nobody reads points that are not there, and who wants them is told."""
    matrices = dict(cam2img=[[20, 0, 16], [0, 20, 9], [0, 0, 1]],
                    lidar2cam=[[0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
    shutil.rmtree(own / 'points')
    with pytest.raises(DataError, match='no point cloud .* and there are no images'):
        prepare_custom(own)
    (own / 'images/CAM').mkdir(parents=True)
    for name in ('a', 'b', 'c'):
        cv2.imwrite(str(own / f'images/CAM/{name}.png'), np.zeros((18, 32, 3), np.uint8))
    (own / 'calibration.json').write_text(json.dumps(dict(CAM=matrices)))
    report = prepare_custom(own)
    assert report.frames == dict(train=2, val=1)
    options = dict(metainfo=dict(classes=['Car']),
                   pipeline=[dict(type='LoadMultiViewImages', cameras=['CAM'])])
    init_default_scope('mmdet3d')

    def sample(**modality):
        return CustomDetectionDataset(str(own), 'own_infos_train.pkl', modality=modality,
                                      **options)[0]

    found = sample(use_lidar=False, use_camera=True)
    assert 'lidar_path' not in found and found['ann_info']['num_lidar_pts'].tolist() == [-1]
    for modality in (dict(), dict(use_camera=True)):
        with pytest.raises(DataError, match='no cloud of a .*use_lidar=False, use_camera=True'):
            sample(**modality)
    options['pipeline'] = LOAD
    with pytest.raises(DataError, match='the frame a has no cloud to load'):
        sample(use_lidar=False, use_camera=True)
    (own / 'images/CAM/b.png').unlink()
    with pytest.raises(DataError, match=r'b\.png .* does not exist'):
        sample(use_lidar=False, use_camera=True)


def test_pictures_that_are_not_there_are_said(own):
    with pytest.raises(DataError, match='has no pictures, which modality'):
        dataset(own, ['Car'], modality=dict(use_camera=True))


def test_a_class_may_be_absent_where_that_is_said(own):
    with pytest.raises(ConfigError, match="the class 'Truck' .* occurs in no box"):
        dataset(own, ['Car', 'Truck'])
    split = dataset(own, ['Car', 'Truck'], absent_classes=['Truck'])
    assert set(split[0]['data_samples'].gt_instances_3d.labels_3d.tolist()) <= {0}
