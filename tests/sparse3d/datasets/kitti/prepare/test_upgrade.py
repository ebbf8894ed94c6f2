"""Info files of KITTI in the layout of mmdet3d before 1.1, written here, become present ones."""
from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from mmdet3d.registry import DATASETS

from old_info_files import as_old_kitti as as_old_file
from sparse3d.apis.upgrade import upgrades
from sparse3d.datasets.kitti.check import check_kitti
from sparse3d.datasets.kitti.prepare import prepare_kitti
from sparse3d.errors import DataError
from sparse3d.preparation.info_upgrade import upgrade_info_file
from sparse3d.transforms.info_files import read_info_file, write_plain_file

NAME = 'kitti_infos_train.pkl'


@pytest.fixture
def root(small_kitti) -> Path:
    prepare_kitti(small_kitti.root)
    return small_kitti.root


def alike(found, expected, where: str) -> None:
    """The same keys, words and lengths, and numbers that are close."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys(), where
        for key, value in expected.items():
            alike(found[key], value, f'{where}/{key}')
    elif isinstance(expected, list | tuple) and any(
            isinstance(value, dict | str) for value in expected):
        assert len(found) == len(expected), where
        for place, pair in enumerate(zip(found, expected, strict=True)):
            alike(*pair, f'{where}/{place}')
    elif isinstance(expected, str):
        assert found == expected, where
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6, err_msg=where)


@pytest.mark.parametrize('folder', ['training', 'testing'])
def test_an_old_file_becomes_what_the_preparation_writes(root, folder):
    path = root / (NAME if folder == 'training' else 'kitti_infos_test.pkl')
    expected = read_info_file(path, 'kitti')
    for entry in expected['data_list']:
        del entry['lidar_points']['contents']  # checksums, which old files have not
    write_plain_file(path, as_old_file(root, folder))
    with pytest.raises(DataError, match='create-data upgrade'):
        read_info_file(path, 'kitti')
    said = upgrade_info_file(path, upgrades())
    assert f'{len(expected["data_list"])} samples' in said and 'ground-truth database' in said
    found = read_info_file(path, 'kitti')
    alike(found['data_list'], expected['data_list'], 'data_list')
    assert found['metainfo']['categories'] == expected['metainfo']['categories']
    assert 'upgraded' in found['metainfo']['stamp']['source']
    assert path.with_name(f'{path.name}.old').is_file()
    assert not check_kitti(root).problems


def test_an_upgraded_file_trains_and_tests_as_a_prepared_one(root):
    settings = dict(type='mmdet3d.KittiDetectionDataset', data_root=str(root),
                    metainfo=dict(classes=['Car', 'Pedestrian']),
                    data_prefix=dict(pts='training/velodyne_reduced', img='training/image_2'))
    write_plain_file(root / 'old.pkl', as_old_file(root))
    upgrade_info_file(root / 'old.pkl', upgrades(), root / 'upgraded.pkl')
    prepared, upgraded = (DATASETS.build(dict(settings, ann_file=name))
                          for name in (NAME, 'upgraded.pkl'))
    assert len(prepared) == len(upgraded) == 3
    for index in range(3):
        expected, found = (part.get_data_info(index)['ann_info'] for part in (prepared, upgraded))
        np.testing.assert_allclose(found['gt_bboxes_3d'].tensor, expected['gt_bboxes_3d'].tensor)
        assert found['gt_labels_3d'].tolist() == expected['gt_labels_3d'].tolist()


def as_openpcdet_file(root: Path, folder: str = 'training') -> list[dict]:
    """The split as OpenPCDet's ``KittiDataset.get_infos`` writes it."""
    infos = []
    for info in as_old_file(root, folder):
        name = f'{info["image"]["image_idx"]:06d}'
        infos.append(dict(
            point_cloud=dict(num_features=4, lidar_idx=name),
            image=dict(image_idx=name, image_shape=info['image']['image_shape']),
            calib={key: info['calib'][key] for key in ('P2', 'R0_rect', 'Tr_velo_to_cam')}))
        if 'annos' in info:
            annos = {key: value for key, value in info['annos'].items() if key != 'group_ids'}
            known = int((annos['index'] >= 0).sum())
            infos[-1]['annos'] = dict(annos, gt_boxes_lidar=np.zeros((known, 7)))
    return infos


@pytest.mark.parametrize('folder', ['training', 'testing'])
def test_a_file_of_openpcdet_becomes_what_the_preparation_writes(root, folder):
    path = root / (NAME if folder == 'training' else 'kitti_infos_test.pkl')
    expected = read_info_file(path, 'kitti')['data_list']
    path.write_bytes(pickle.dumps(as_openpcdet_file(root, folder)))
    with pytest.raises(DataError, match='written by OpenPCDet, .*create-data kitti" or convert '
                                        'it with "sparse3d create-data upgrade"'):
        read_info_file(path, 'kitti')
    upgrade_info_file(path, upgrades())
    found = read_info_file(path, 'kitti')
    assert 'of OpenPCDet, upgraded' in found['metainfo']['stamp']['source']
    for entry, known in zip(found['data_list'], expected, strict=True):
        # OpenPCDet keeps one camera's matrix, no ground plane and no checksums.
        assert entry['images']['CAM2'] == known['images']['CAM2']
        assert entry['lidar_points']['lidar_path'] == known['lidar_points']['lidar_path']
        assert entry['lidar_points']['Tr_velo_to_cam'] == known['lidar_points']['Tr_velo_to_cam']
        assert entry.get('instances') == known.get('instances')


def test_what_cannot_be_upgraded_is_named_and_stays(root):
    def refused(content, message: str) -> None:
        path = root / 'old.pkl'
        path.write_bytes(content if isinstance(content, bytes) else pickle.dumps(content))
        before = path.read_bytes()
        with pytest.raises(DataError, match=message):
            upgrade_info_file(path, upgrades())
        assert path.read_bytes() == before

    old = as_old_file(root)
    refused([dict(old[0], pose=np.eye(4))], 'info file of Waymo, .*create-data waymo')
    refused([dict(annos={})], 'not an info file, written by mmdet3d before 1.1')
    refused([], 'not an info file, written by mmdet3d before 1.1')
    refused([dict(old[0], calib={})], r"frame 0 of .*old.pkl is damaged \(KeyError: 'P2'\)")
    refused([dict(old[0], calib=dict(old[0]['calib'], P2=np.full((4, 4), np.nan)))],
            'P2 is no calibration matrix')
    unknown = dict(old[0]['annos'], name=np.array(['Car', 'Tractor', 'DontCare']))
    refused([dict(old[0], annos=unknown)], "'Tractor' is no type of KITTI")
    refused([dict(old[0], annos=dict(old[0]['annos'], bbox=np.zeros((1, 4))))], 'is damaged')
    refused(pickle.dumps([dict(image=Path('x'), annos={})]), 'refused: it asks for pathlib')


def test_frames_without_objects_stay_frames(root):
    old = as_old_file(root)[:1]
    old[0]['annos'] = {key: values[:0] for key, values in old[0]['annos'].items()}
    write_plain_file(root / 'old.pkl', old)
    upgrade_info_file(root / 'old.pkl', upgrades(), root / 'new.pkl')
    (entry, ) = read_info_file(root / 'new.pkl', 'kitti')['data_list']
    assert entry['instances'] == [] and entry['cam_instances'] == dict(CAM2=[])
