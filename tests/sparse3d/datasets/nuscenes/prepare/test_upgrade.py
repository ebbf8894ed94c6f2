"""Info files of SparseBEV, StreamPETR and BEVDet, from Windows too, in the layout of 1.4."""
from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
from pyquaternion import Quaternion

from sparse3d.apis.upgrade import upgrades
from sparse3d.datasets.nuscenes.dataset import NuScenesDetectionDataset
from sparse3d.datasets.nuscenes.prepare import NuScenesPreparation, prepare_nuscenes
from sparse3d.preparation.info_upgrade import upgrade_info_file
from sparse3d.transforms.info_files import read_info_file, write_plain_file

NAME = 'nuscenes_infos_train.pkl'


@pytest.fixture(scope='module')
def prepared(simulated_nuscenes, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp('upgrade') / 'nuscenes'
    prepare_nuscenes(simulated_nuscenes, out=out, options=NuScenesPreparation(database=False))
    return out


@pytest.fixture(scope='module')
def entries(prepared) -> list[dict]:
    return read_info_file(prepared / NAME, 'nuscenes')['data_list']


def pose(name: str, matrix) -> dict:
    matrix = np.array(matrix)
    return {f'{name}_rotation': Quaternion(matrix=matrix).elements.tolist(),
            f'{name}_translation': matrix[:3, 3].tolist()}


def picture(image: dict, path: str) -> dict:
    """As SparseBEV's gen_sweep_info stores it: to the world, the rotation transposed."""
    sensor2global = np.array(image['ego2global']) @ np.array(image['cam2ego'])
    return dict(data_path=f'data/nuscenes/{path}', timestamp=int(image['timestamp'] * 1e6),
                cam_intrinsic=np.array(image['cam2img']),
                sensor2global_rotation=sensor2global[:3, :3].T,
                sensor2global_translation=sensor2global[:3, 3])


def old(entry: dict, kind: str) -> dict:
    lidar, items = entry['lidar_points'], entry['instances']
    cams = {}
    for camera, image in entry['images'].items():
        cams[camera] = picture(image, f'samples/{camera}/{image["img_path"]}')
        back = np.linalg.inv(np.array(image['lidar2cam']))
        cams[camera].update(sensor2lidar_rotation=back[:3, :3],
                            sensor2lidar_translation=back[:3, 3])
        if kind != 'SparseBEV':
            cams[camera].update(pose('sensor2ego', image['cam2ego']),
                                **pose('ego2global', image['ego2global']),
                                sample_data_token=image['sample_data_token'])
    info = dict(
        lidar_path=f'data/nuscenes/samples/LIDAR_TOP/{lidar["lidar_path"]}', token=entry['token'],
        cams=cams, sweeps=[], timestamp=int(entry['timestamp'] * 1e6),
        **pose('lidar2ego', lidar['lidar2ego']), **pose('ego2global', entry['ego2global']),
        gt_boxes=np.array([item['bbox_3d'] for item in items]),
        gt_names=np.array([item['category'].split('.')[1] for item in items]),
        gt_velocity=np.array([item['velocity'] for item in items]),
        num_lidar_pts=np.array([item['num_lidar_pts'] for item in items]),
        num_radar_pts=np.array([item['num_radar_pts'] for item in items]))
    if kind == 'SparseBEV':
        info['sweeps'] = [{camera: picture(image, image['img_path'])
                           for camera, image in sweep['images'].items()}
                          for sweep in entry['image_sweeps']]
        info['scene_token'] = entry['scene_token']
    elif kind == 'StreamPETR':
        info.update(prev=entry['prev'], next=entry['next'], frame_idx=entry['frame_idx'])
    elif kind == 'BEVDet':
        info.update(scene_token=entry['scene_token'], occ_path='gts/x', ann_infos=([], []))
    return info


def upgraded(prepared, infos) -> tuple[str, list[dict]]:
    path = prepared / 'nuscenes_infos_other.pkl'
    write_plain_file(path, dict(infos=infos, metadata=dict(version='v1.0-mini')))
    said = upgrade_info_file(path, upgrades())
    return said, read_info_file(path, 'nuscenes')['data_list']


def frames_of(prepared, name: str) -> list[dict]:
    data = NuScenesDetectionDataset(
        str(prepared), name, metainfo=dict(classes=['car']), test_mode=True, pipeline=[],
        modality=dict(use_lidar=False, use_camera=True), frames=dict(num_frames=3))
    return [sample['image_frames'] for sample in data]


@pytest.mark.parametrize('windows', [False, True])
def test_a_file_of_sparsebev_gives_the_same_frames(prepared, entries, windows):
    infos = [old(entry, 'SparseBEV') for entry in entries]
    for info in infos if windows else ():
        for image in [*info['cams'].values(), *(image for sweep in info['sweeps']
                                                for image in sweep.values())]:
            image['data_path'] = 'D:\\data\\nuscenes\\' + image['data_path'].removeprefix(
                'data/nuscenes/').replace('/', '\\')
        info['lidar_path'] = info['lidar_path'].replace('/', '\\')
    said, new = upgraded(prepared, infos)
    assert '1 scene(s)' in said and sum(len(entry['image_sweeps']) for entry in entries) > 0
    assert [entry['frame_idx'] for entry in new] == list(range(5))
    assert {(image['width'], image['height']) for entry in new
            for image in entry['images'].values()} == {(80, 45)}
    for found, expected in zip(frames_of(prepared, 'nuscenes_infos_other.pkl'),
                               frames_of(prepared, NAME), strict=True):
        for frame, right in zip(found, expected, strict=True):
            assert frame.keys() == right.keys()
            for camera, image in frame.items():
                assert image.path == right[camera].path
                assert abs(image.timestamp - right[camera].timestamp) < 1e-5
                np.testing.assert_allclose(image.lidar2img, right[camera].lidar2img, atol=1e-4)


@pytest.mark.parametrize('kind', ['StreamPETR', 'BEVDet'])
def test_samples_that_follow_each_other_still_do(prepared, entries, kind):
    infos = [old(entry, kind) for entry in entries]
    if kind == 'BEVDet':  # by scene, in no order
        infos = [infos[row] for row in (3, 0, 4, 1, 2)]
    said, new = upgraded(prepared, infos)
    assert '1 scene(s)' in said and len({entry['scene_token'] for entry in new}) == 1
    assert [entry['token'] for entry in new] == [entry['token'] for entry in entries]
    assert [entry['sample_idx'] for entry in new] == list(range(5))


def test_a_chain_that_breaks_is_another_scene(prepared, entries):
    infos = [old(entry, 'StreamPETR') for entry in entries]
    infos[3] = dict(copy.copy(infos[3]), prev='')
    assert '2 scene(s)' in upgraded(prepared, infos)[0]


def test_a_file_without_scenes_serves_single_frames(prepared, entries):
    said, new = upgraded(prepared, [old(entry, 'plain') for entry in entries])
    assert 'single frame' in said and 'scene_token' not in new[0]
