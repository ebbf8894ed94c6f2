"""Samples of nuScenes through the registered dataset and transforms."""
from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from mmdet3d.registry import DATASETS
from pyquaternion import Quaternion

from sparse3d.datasets.nuscenes.objects import object_arrays
from sparse3d.datasets.nuscenes.prepare import NuScenesPreparation, prepare_nuscenes
from sparse3d.errors import ConfigError, DataError
from sparse3d.transforms.info_files import read_info_file, write_info_file
from sparse3d.transforms.load_multi_view_images import CAMERAS

CLASSES = ['pedestrian', 'car', 'bicycle', 'truck']
IMAGES = [dict(type='LoadMultiViewImages')]
ANNOTATED = [*IMAGES, dict(type='LoadAnnotations3D', with_bbox_3d=True, with_label_3d=True),
             dict(type='MarkUnknownVelocities')]


@pytest.fixture(scope='module')
def root(simulated_nuscenes, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp('dataset') / 'nuscenes'
    prepare_nuscenes(simulated_nuscenes, out=out,
                     options=NuScenesPreparation(database=False))
    return out


def build(root: Path, pipeline=(), **options):
    options = dict(metainfo=dict(classes=CLASSES), ann_file='nuscenes_infos_train.pkl',
                   modality=dict(use_lidar=True, use_camera=True)) | options
    return DATASETS.build(dict(type='mmdet3d.NuScenesDetectionDataset', data_root=str(root),
                               pipeline=[dict(step, type=f'mmdet3d.{step["type"]}')
                                         for step in pipeline], **options))


def test_boxes_have_bottom_centers_labels_of_the_model_and_velocities(root):
    dataset = build(root)
    entry = read_info_file(root / 'nuscenes_infos_train.pkl', 'nuscenes')['data_list'][2]
    truth = dataset.get_data_info(2)['ann_info']
    kept = [item for item in entry['instances'] if item['num_lidar_pts'] > 0]
    assert len(kept) == len(truth['gt_bboxes_3d']) == len(truth['instance_tokens']) > 5
    for item, box, label in zip(kept, truth['gt_bboxes_3d'].tensor.numpy(),
                                truth['gt_labels_3d'], strict=True):
        x, y, z, length, width, height, yaw = item['bbox_3d']
        np.testing.assert_allclose(box[:7], [x, y, z - height / 2, length, width, height, yaw],
                                   rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(box[7:], np.nan_to_num(item['velocity']), atol=1e-5)
        assert CLASSES[label] == ('car', 'truck', 'trailer', 'bus', 'construction_vehicle',
                                  'bicycle', 'motorcycle', 'pedestrian')[item['bbox_label_3d']]
    assert dataset.get_cat_ids(2) == set(truth['gt_labels_3d'].tolist())


def test_which_objects_are_ground_truth_and_what_is_unknown():
    def item(lidar, radar, velocity, label=0):
        return dict(bbox_3d=[1, 2, 3, 4, 2, 1, 0], velocity=velocity, bbox_label_3d=label,
                    num_lidar_pts=lidar, num_radar_pts=radar)
    items = [item(5, 0, [1, 1]), item(0, 2, [np.nan, np.nan]), item(0, 0, [0, 0]),
             item(9, 9, [0, 0], -1)]
    for objects, count in (('lidar', 1), ('lidar_or_radar', 2), ('all', 3)):
        arrays = object_arrays(items, {0: 0, -1: -1}, objects, 'nan')
        assert {len(values) for values in arrays.values()} == {count}
    assert np.isnan(arrays['gt_bboxes_3d'][1, 7:]).all()
    assert (object_arrays(items, {0: 0}, 'all', 'zero')['gt_bboxes_3d'][1, 7:] == 0).all()
    assert object_arrays([], {}, 'all', 'nan')['gt_bboxes_3d'].shape == (0, 9)


def test_unknown_velocities_are_marked_behind_the_pipeline(root):
    boxes = [sample['gt_bboxes_3d'].tensor[:, 7:] for sample in
             (build(root, ANNOTATED[1:3], unknown_velocities='nan', objects='all')[row]
              for row in range(5))]
    assert all(np.isfinite(item.numpy()).all() for item in boxes)
    dataset = build(root, ANNOTATED[1:3], unknown_velocities='nan', objects='all')
    known = np.concatenate([dataset[row]['gt_velocity_known'] for row in range(5)])
    assert known.dtype == bool and 0 < known.sum() < len(known)


def opened_by_the_devkit(root):
    return pytest.importorskip('nuscenes').NuScenes('v1.0-mini', str(root), verbose=False)


def test_points_and_pictures_agree_with_the_devkit(root, simulated_nuscenes):
    """A point at the center of a box lands where the devkit draws it, in every camera."""
    devkit = opened_by_the_devkit(simulated_nuscenes)
    from nuscenes.utils.geometry_utils import view_points
    dataset = build(root, ANNOTATED, objects='all')
    checked = 0
    for row in range(5):
        sample = dataset[row]
        entry = dataset.get_data_info(row)
        data = devkit.get('sample', entry['token'])['data']
        lidar = {box.token: box for box in devkit.get_sample_data(data['LIDAR_TOP'])[1]}
        for view, camera in enumerate(CAMERAS):
            _, boxes, matrix = devkit.get_sample_data(data[camera])
            for box in boxes:
                expected = view_points(box.center[:, None], matrix, True)[:2, 0]
                found = sample['lidar2img'][view] @ [*lidar[box.token].center, 1]
                np.testing.assert_allclose(found[:2] / found[2], expected, atol=1e-3)
                assert found[2] == pytest.approx(box.center[2], abs=1e-5)
                checked += 1
    assert checked > 30


def test_frames_are_newest_first_with_poses_through_the_global_frame(root, simulated_nuscenes):
    devkit = opened_by_the_devkit(simulated_nuscenes)
    dataset = build(root, IMAGES, frames=dict(num_frames=3), ann_file='nuscenes_infos_val.pkl',
                    test_mode=True)
    row = 4
    sample, info = dataset[row], dataset.get_data_info(row)
    assert sample['view_names'] == list(CAMERAS) * 3 and sample['num_frames'] == 3
    assert len(sample['img']) == 18 and sample['img'][0].shape == (45, 80, 3)
    assert sample['image_valid'].all() and sample['img'][0].dtype == np.uint8
    tokens = [dataset.get_data_info(earlier)['token'] for earlier in (4, 3, 2)]
    for frame, token in enumerate(tokens):
        for view, camera in enumerate(CAMERAS):
            data = devkit.get('sample_data', devkit.get('sample', token)['data'][camera])
            image = frame * len(CAMERAS) + view
            assert sample['img_path'][image].endswith(data['filename'])
            assert sample['img_timestamp'][image] == pytest.approx(data['timestamp'] / 1e6)
            pose = Quaternion(devkit.get('ego_pose', data['ego_pose_token'])['rotation'])
            ego2global = pose.transformation_matrix
            ego2global[:3, 3] = devkit.get('ego_pose', data['ego_pose_token'])['translation']
            record = devkit.get('calibrated_sensor', data['calibrated_sensor_token'])
            cam2ego = Quaternion(record['rotation']).transformation_matrix
            cam2ego[:3, 3] = record['translation']
            lidar2cam = np.linalg.inv(ego2global @ cam2ego) @ info['lidar2global']
            np.testing.assert_allclose(sample['lidar2cam'][image], lidar2cam, atol=1e-6)
    static = np.array([10.0, 20.0, 1.0, 1.0])
    assert not np.allclose(sample['lidar2cam'][0] @ static, sample['lidar2cam'][6] @ static,
                           atol=0.05)  # the car has moved


def test_sweeps_between_key_frames_are_used_in_training(root):
    dataset = build(root, IMAGES, frames=dict(num_frames=4, train_intervals=(1, 1)))
    assert dataset.history.timeline.per_key == 2  # 4 pictures a second, 2 key frames
    dataset = build(root, IMAGES, frames=dict(num_frames=2, train_intervals=(3, 3)))
    sample = dataset[3]
    age = sample['img_timestamp'][:6].mean() - sample['img_timestamp'][6:].mean()
    assert age == pytest.approx(.25, abs=.01) and '/sweeps/' in sample['img_path'][6]


def test_only_the_newest_pictures_are_read_on_request(root):
    pipeline = [dict(type='LoadMultiViewImages', pixels='newest')]
    sample = build(root, pipeline, frames=dict(num_frames=3))[4]
    assert len(sample['img']) == 6 and len(sample['lidar2img']) == len(sample['img_path']) == 18


def test_a_missing_camera_is_a_black_image_that_sees_nothing(root, tmp_path):
    info = read_info_file(root / 'nuscenes_infos_train.pkl', 'nuscenes')
    del info['data_list'][1]['images']['CAM_BACK']
    info['data_list'][2]['images'].clear()
    shutil.copytree(root, tmp_path / 'copy', symlinks=True)
    write_info_file(tmp_path / 'copy/nuscenes_infos_train.pkl', info['metainfo'],
                    info['data_list'])
    dataset = build(tmp_path / 'copy', ANNOTATED, frames=dict(num_frames=2), objects='all')
    sample = dataset[1]
    back = CAMERAS.index('CAM_BACK')
    assert np.flatnonzero(~sample['image_valid']).tolist() == [back]
    assert not sample['img'][back].any() and sample['img'][back].shape == (45, 80, 3)
    points = np.random.default_rng(0).uniform(-60, 60, (100, 3))
    assert ((sample['lidar2img'][back, :3, :3] @ points.T)[2]
            + sample['lidar2img'][back, 2, 3] < 0).all()
    assert abs(sample['img_timestamp'][back] - sample['img_timestamp'][0]) < .05
    blind = dataset[2]
    assert not blind['image_valid'][:6].any() and blind['image_valid'][6:].sum() == 5


def test_an_absent_file_is_named_at_the_start_or_masked(root, simulated_nuscenes, tmp_path):
    shutil.copytree(simulated_nuscenes, tmp_path / 'copy')
    shutil.copy(root / 'nuscenes_infos_train.pkl', tmp_path / 'copy')
    name = read_info_file(root / 'nuscenes_infos_train.pkl',
                          'nuscenes')['data_list'][0]['images']['CAM_FRONT']['img_path']
    (tmp_path / 'copy/samples/CAM_FRONT' / name).unlink()
    with pytest.raises(DataError, match=f'{name} named in .* does not exist'):
        build(tmp_path / 'copy', IMAGES)
    masked = [dict(type='LoadMultiViewImages', missing_files='mask')]
    sample = build(tmp_path / 'copy', masked, check_files=False)[0]
    assert sample['image_valid'].tolist() == [False] + [True] * 5
    with pytest.raises(DataError, match='does not exist'):
        build(tmp_path / 'copy', IMAGES, check_files=False)[0]
    (tmp_path / 'copy/samples/CAM_FRONT' / name).write_bytes(b'\xff\xd8 no picture')
    with pytest.raises(DataError, match=f'{name} is damaged'):
        build(tmp_path / 'copy', masked)[0]


def test_training_draws_depend_on_epoch_and_index_alone(root):
    options = dict(pipeline=IMAGES, frames=dict(num_frames=2))
    first, second = build(root, **options), build(root, **options)
    paths = []
    for epoch in range(12):
        for dataset in (first, second):
            dataset.set_epoch(epoch, seed=4)
        second[1]
        assert first[4]['img_path'] == second[4]['img_path']
        paths.append(tuple(first[4]['img_path']))
    assert len(set(paths)) > 1


def test_info_files_of_mmdet3d_work_for_single_frames(root):
    path = root / 'of_mmdet3d.pkl'
    info = read_info_file(root / 'nuscenes_infos_train.pkl', 'nuscenes')
    own = ('scene_token', 'scene_name', 'frame_idx', 'prev', 'next', 'image_sweeps')
    entries = [{key: value for key, value in entry.items() if key not in own}
               for entry in info['data_list']]
    for entry in entries:
        for sweep in entry.get('lidar_sweeps', ()):
            points = sweep['lidar_points']
            points['lidar_path'] = f'./data/nuscenes/{points["lidar_path"]}'
    write_info_file(path, info['metainfo'], entries)
    pipeline = [dict(type='LoadSweepPoints'), *IMAGES]
    sample = build(root, pipeline, ann_file='of_mmdet3d.pkl')[3]
    assert len(sample['img']) == 6
    expected = build(root, pipeline)[3]['points'].tensor.numpy()
    np.testing.assert_array_equal(sample['points'].tensor.numpy(), expected)
    with pytest.raises(ConfigError, match='which samples follow each other'):
        build(root, ann_file='of_mmdet3d.pkl', frames=dict(num_frames=2))


def test_info_files_from_windows(root):
    info = read_info_file(root / 'nuscenes_infos_train.pkl', 'nuscenes')
    before = 'C:\\data\\nuscenes\\'
    for entry in info['data_list']:
        lidar = entry['lidar_points']
        lidar['lidar_path'] = f'{before}samples\\LIDAR_TOP\\{lidar["lidar_path"]}'
        for camera, image in entry['images'].items():
            image['img_path'] = f'{before}samples\\{camera}\\{image["img_path"]}'
        for sweep in entry.get('lidar_sweeps', ()):
            path = sweep['lidar_points']['lidar_path']
            sweep['lidar_points']['lidar_path'] = before + path.replace('/', '\\')
    write_info_file(root / 'windows.pkl', info['metainfo'], info['data_list'])
    found = build(root, ann_file='windows.pkl')
    expected = build(root)
    for name in ('lidar_path', 'lidar_sweeps', 'images'):
        assert str(found.get_data_info(3)[name]) == str(expected.get_data_info(3)[name])


@pytest.mark.parametrize('name, value', [
    ('cam2img', np.zeros((3, 3)).tolist()), ('cam2img', np.full((3, 3), np.nan).tolist()),
    ('lidar2cam', np.zeros((4, 4)).tolist())])
def test_a_calibration_through_which_nothing_is_seen(root, name, value):
    info = read_info_file(root / 'nuscenes_infos_train.pkl', 'nuscenes')
    info['data_list'][1]['images']['CAM_BACK'][name] = value
    write_info_file(root / 'blind.pkl', info['metainfo'], info['data_list'])
    with pytest.raises(DataError, match=' of samples/CAM_BACK/.* is singular or not finite'):
        build(root, ann_file='blind.pkl')


def test_boxes_of_nan_are_not_left_out_in_silence(root):
    info = read_info_file(root / 'nuscenes_infos_train.pkl', 'nuscenes')
    for item in info['data_list'][1]['instances']:
        item['bbox_3d'][0] = float('nan')
    write_info_file(root / 'nan.pkl', info['metainfo'], info['data_list'])
    with pytest.raises(DataError, match='entry 1 of .*nan.pkl .*box 0 of its objects holds NaN'):
        build(root, ann_file='nan.pkl')


def test_a_training_without_ground_truth_is_told(root, monkeypatch):
    said = []
    monkeypatch.setattr('sparse3d.datasets.detection_dataset.print_log',
                        lambda text, **options: said.append(text))
    info = read_info_file(root / 'nuscenes_infos_train.pkl', 'nuscenes')
    for entry in info['data_list']:
        entry['instances'] = []
    write_info_file(root / 'bare.pkl', info['metainfo'], info['data_list'])
    build(root, ann_file='bare.pkl', test_mode=True)
    assert said == []
    build(root, ann_file='bare.pkl')
    assert len(said) == 1 and 'there is nothing to learn' in said[0]
    for entry in info['data_list']:
        del entry['instances']
    write_info_file(root / 'bare.pkl', info['metainfo'], info['data_list'])
    build(root, ann_file='bare.pkl', test_mode=True)
    build(root, ann_file='bare.pkl')
    with pytest.raises(DataError, match='bare.pkl has no labels .*instances.*5 entries'):
        build(root, [dict(type='LoadAnnotations3D')], ann_file='bare.pkl')


def test_labels_of_a_file_mean_its_own_categories(root):
    info = read_info_file(root / 'nuscenes_infos_train.pkl', 'nuscenes')
    info['metainfo']['categories'].update(car=3, bus=0)
    write_info_file(root / 'other.pkl', info['metainfo'], info['data_list'])
    with pytest.raises(DataError, match="other.pkl calls label 3 'car', .* label 0"):
        build(root, ann_file='other.pkl')


def test_first_samples_have_no_sweeps_and_may_be_padded_as_published(root):
    plain = build(root, [dict(type='LoadSweepPoints')])[0]['points'].tensor.numpy()
    padded = build(root, [dict(type='LoadSweepPoints', published_pad=True, sweeps=3)])[0]
    near = (np.abs(plain[:, :2]) < 1).all(axis=1)
    assert len(padded['points']) == 4 * len(plain) - 3 * near.sum() and not plain[:, 4].any()
    second = build(root, [dict(type='LoadSweepPoints', sweeps=2)])[1]['points'].tensor.numpy()
    assert len(np.unique(second[:, 4])) == 3


def test_samples_without_objects_are_samples_or_are_replaced(root):
    nowhere = [dict(type='LoadAnnotations3D', with_bbox_3d=True, with_label_3d=True),
               dict(type='KeepObjects', point_cloud_range=[900, 900, -5, 901, 901, 3]),
               dict(type='PackSample', keys=['gt_bboxes_3d', 'gt_labels_3d'])]
    sample = build(root, nowhere)[2]['data_samples']
    assert sample.gt_instances_3d.bboxes_3d.tensor.shape == (0, 9)
    assert build(root, nowhere, filter_empty_gt=True).prepare_data(2) is None
    assert build(root, filter_empty_gt=True, test_mode=True).prepare_data(2) is not None
    buses = build(root, metainfo=dict(classes=['bus']), filter_empty_gt=True)
    assert buses.prepare_data(2) is None  # there is no bus at all


@pytest.mark.parametrize(('options', 'error', 'message'), [
    (dict(metainfo=dict(classes=['tram'])), ConfigError, "'tram' in metainfo is not one"),
    (dict(objects='some'), ConfigError, 'objects is one of'),
    (dict(unknown_velocities='keep'), ConfigError, 'unknown_velocities'),
    (dict(ann_file='none.pkl'), DataError, 'does not exist; make it')])
def test_wrong_options_are_explained(root, options, error, message):
    with pytest.raises(error, match=message):
        build(root, **options)


def test_an_entry_that_is_none_and_a_path_that_leaves_the_root(root):
    info = read_info_file(root / 'nuscenes_infos_train.pkl', 'nuscenes')
    info['data_list'][1]['lidar_sweeps'][0]['lidar_points']['lidar_path'] = '..'
    write_info_file(root / 'broken.pkl', info['metainfo'], info['data_list'])
    with pytest.raises(DataError, match='leaves the folder'):
        build(root, ann_file='broken.pkl')
    del info['data_list'][0]['lidar_points']
    write_info_file(root / 'broken.pkl', info['metainfo'], info['data_list'])
    with pytest.raises(DataError, match='entry 0 of .* is not a nuScenes sample'):
        build(root, ann_file='broken.pkl')


def test_key_frames_bring_their_times_and_poses(root):
    dataset = build(root, IMAGES, frames=dict(num_frames=3, key_frames=True, test_interval=1),
                    ann_file='nuscenes_infos_train.pkl', test_mode=True)
    sample, entries = dataset[2], [dataset.get_data_info(row) for row in range(3)]
    assert len({entry['scene_token'] for entry in entries}) == 1
    assert sample['frame_timestamps'].tolist() == [
        entry['timestamp'] for entry in entries[::-1]]
    np.testing.assert_array_equal(sample['frame_lidar2global'],
                                  [entry['lidar2global'] for entry in entries[::-1]])
    assert sample['frame_there'].all() and len(sample['img']) == 18
    first = dataset[0]
    assert first['frame_there'].tolist() == [True, False, False] and len(first['img']) == 18


def test_scenes_of_a_part_of_the_samples(root):
    whole = build(root)
    assert build(root, indices=3).scenes.tolist() == whole.scenes[:3].tolist()
