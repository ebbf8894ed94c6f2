"""Truncations and flipped bits in what datasets and transforms read: an error or right data."""
from __future__ import annotations

import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from mmdet3d.registry import DATASETS, TRANSFORMS
from mmengine.registry import init_default_scope

from sparse3d.datasets.kitti.prepare import prepare_kitti
from sparse3d.datasets.kitti.prepare.crops import cut_crops
from sparse3d.datasets.kitti.prepare.files import read_image_size
from sparse3d.datasets.kitti.prepare.text import (
    read_calibration,
    read_labels,
    read_plane,
    read_split,
)
from sparse3d.datasets.nuscenes.prepare.frames import prepare_nuscenes
from sparse3d.datasets.waymo.prepare import prepare_waymo
from sparse3d.errors import DataError
from sparse3d.transforms.image_files import decode_image
from sparse3d.transforms.info_files import read_info_file, read_plain_file
from sparse3d.transforms.point_files import load_points

WAYMO = Path(__file__).parents[2] / 'fixtures/waymo_frame/v2'


@pytest.fixture(autouse=True)
def _scope():
    init_default_scope('mmdet3d')


@pytest.fixture(scope='module')
def nuscenes(simulated_nuscenes, tmp_path_factory) -> Path:
    """A prepared copy whose files may be damaged, if they are made whole again."""
    root = tmp_path_factory.mktemp('damaged') / 'nuscenes'
    shutil.copytree(simulated_nuscenes, root)
    prepare_nuscenes(root)
    return root


def test_kitti_texts(small_kitti, damage):
    """Text has no checksum: a cut at the end of a line or another digit goes unnoticed, but
    what comes out is finite and plausible."""
    root = small_kitti.root
    for path, read in [
            (root / 'training/calib/000003.txt', read_calibration),
            (root / 'training/label_2/000003.txt', read_labels),
            (root / 'training/planes/000003.txt', read_plane),
            (root / 'ImageSets/train.txt', read_split)]:
        refused = damage(path, lambda path=path, read=read: read(path), _is_plausible, 120)
        assert refused > 10, path


def _is_plausible(result) -> bool:
    if hasattr(result, 'cam2img'):
        return all(np.isfinite(matrix).all() for matrix in result.cam2img)
    return all(np.isfinite(item.camera_box).all() if hasattr(item, 'camera_box')
               else len(str(item)) < 30 for item in result)


def test_kitti_points_and_images(small_kitti, damage):
    """Everything that training reads has a checksum; nothing is silently wrong."""
    prepare_kitti(small_kitti.root)
    cut_crops(small_kitti.root)
    info = read_info_file(small_kitti.root / 'kitti_infos_train.pkl', 'kitti')['data_list'][0]
    contents = info['lidar_points']['contents']['velodyne_reduced']
    path = small_kitti.root / 'training/velodyne_reduced/000003.bin'
    assert damage(path, lambda: load_points(path, 4, contents)) == 40
    path = small_kitti.root / 'training/image_2/000003.png'
    whole = decode_image(path.read_bytes(), str(path))
    refused = damage(path, lambda: decode_image(path.read_bytes(), str(path)),
                     lambda image: np.array_equal(image, whole))
    assert refused > 35
    assert damage(path, lambda: read_image_size(path)) > 15  # header and end alone


def test_info_files(small_kitti, damage):
    """A checksum stands at the end; without it the rest is read as an ordinary pickle."""
    prepare_kitti(small_kitti.root)
    for name in ('kitti_infos_train.pkl', 'kitti_dbinfos_train.pkl'):
        path = small_kitti.root / name
        whole = pickle.dumps(read_plain_file(path))
        refused = damage(path, lambda path=path: read_plain_file(path),
                         lambda found, whole=whole: pickle.dumps(found) == whole, 200)
        assert refused > 100


def test_info_files_of_others_without_checksum(small_kitti, damage):
    """Damaged keys and types are errors that name the file, whichever value is hit."""
    prepare_kitti(small_kitti.root)
    path = small_kitti.root / 'kitti_infos_train.pkl'
    path.write_bytes(pickle.dumps(read_plain_file(path)))

    def load():
        dataset = DATASETS.build(dict(
            type='KittiDetectionDataset', data_root=str(small_kitti.root), pipeline=[],
            ann_file=path.name, metainfo=dict(classes=['Car']), check_files=False,
            data_prefix=dict(pts='training/velodyne_reduced', img='training/image_2'),
            modality=dict(use_lidar=True, use_camera=True)))
        return [dataset.get_data_info(index) for index in range(len(dataset))]

    assert damage(path, load, count=50) > 25


def test_nuscenes_info_files_without_checksum(nuscenes, damage):
    path = nuscenes / 'nuscenes_infos_train.pkl'
    whole = path.read_bytes()
    path.write_bytes(pickle.dumps(read_plain_file(path)))

    def load():
        dataset = DATASETS.build(dict(
            type='NuScenesDetectionDataset', data_root=str(nuscenes), pipeline=[],
            ann_file=path.name, metainfo=dict(classes=['car', 'pedestrian']), check_files=False,
            modality=dict(use_lidar=True, use_camera=True), frames=dict(num_frames=3)))
        return [dataset[index] for index in range(len(dataset))]

    assert damage(path, load, count=40) > 20
    path.write_bytes(whole)


def test_nuscenes_sweeps(nuscenes, damage):
    """The format has no checksum: what is not a whole number of points is refused, and no
    coordinate is NaN or infinite."""
    dataset = DATASETS.build(dict(
        type='NuScenesDetectionDataset', data_root=str(nuscenes), pipeline=[],
        ann_file='nuscenes_infos_train.pkl', metainfo=dict(classes=['car'])))
    load = TRANSFORMS.build(dict(type='LoadSweepPoints'))
    sample = dataset.get_data_info(len(dataset) - 1)
    for path in (sample['lidar_points']['lidar_path'],
                 sample['lidar_sweeps'][0]['lidar_points']['lidar_path']):
        refused = damage(Path(path), lambda: load(dict(sample)),
                         lambda result: result['points'].tensor.isfinite().all())
        assert refused > 10


def test_prepared_waymo(tmp_path, damage):
    """Info files of others as well as clouds: errors with names, or numbers that are numbers."""
    shutil.copytree(WAYMO, tmp_path / 'waymo/training')
    prepare_waymo(tmp_path / 'waymo')
    root = tmp_path / 'waymo/kitti_format'
    path = root / 'waymo_infos_train.pkl'
    path.write_bytes(pickle.dumps(read_plain_file(path)))
    options = dict(type='WaymoDetectionDataset', data_root=str(root), ann_file=path.name,
                   metainfo=dict(classes=['Car', 'Pedestrian']), check_files=False)

    def load():
        dataset = DATASETS.build(dict(options, pipeline=[]))
        return [dataset.get_data_info(index) for index in range(len(dataset))]

    assert damage(path, load, count=40) > 20
    dataset = DATASETS.build(dict(options, pipeline=[dict(type='LoadWaymoPoints')]))
    cloud = Path(dataset.get_data_info(0)['lidar_path'])
    refused = damage(cloud, lambda: dataset[0]['points'].tensor,
                     lambda points: points.isfinite().all())
    assert refused > 10


def test_nuscenes_pictures(nuscenes, damage):
    """JPEG has no checksum: flipped bits may change pixels; truncations are refused."""
    path = sorted((nuscenes / 'samples/CAM_FRONT').iterdir())[0]
    shape = decode_image(path.read_bytes(), str(path)).shape
    refused = damage(path, lambda: decode_image(path.read_bytes(), str(path)),
                     lambda image: image.shape == shape)
    assert refused >= 20


@pytest.mark.parametrize('place', ['lidar_points', 'images'])
@pytest.mark.parametrize('name', ['../../secret.bin', '/etc/passwd', 'a/../../b.bin', ''])
def test_paths_out_of_the_data_root_are_refused(small_kitti, place, name):
    prepare_kitti(small_kitti.root)
    path = small_kitti.root / 'kitti_infos_train.pkl'
    content = read_plain_file(path)
    entry = content['data_list'][0]
    if place == 'lidar_points':
        entry['lidar_points']['lidar_path'] = name
    else:
        entry['images']['CAM2']['img_path'] = name
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(DataError, match='leaves the folder'):
        DATASETS.build(dict(
            type='KittiDetectionDataset', data_root=str(small_kitti.root), pipeline=[],
            ann_file=path.name, metainfo=dict(classes=['Car']), check_files=False,
            data_prefix=dict(pts='training/velodyne_reduced', img='training/image_2'),
            modality=dict(use_lidar=True, use_camera=True)))


def test_code_in_a_pickle_is_not_run(tmp_path):

    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / 'ran'),)

    path = tmp_path / 'infos.pkl'
    path.write_bytes(pickle.dumps(dict(metainfo=dict(dataset='kitti'), data_list=[Trap()])))
    with pytest.raises(DataError, match='infos.pkl is refused'):
        read_info_file(path, 'kitti')
    assert not (tmp_path / 'ran').exists()
