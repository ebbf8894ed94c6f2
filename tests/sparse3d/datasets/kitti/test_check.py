import pickle

import numpy as np
import pytest

from sparse3d.datasets.kitti.check import check_kitti
from sparse3d.datasets.kitti.prepare import prepare_kitti
from sparse3d.transforms.info_files import read_plain_file, write_plain_file


@pytest.fixture
def prepared(small_kitti):
    prepare_kitti(small_kitti.root)
    assert check_kitti(small_kitti.root).ok
    return small_kitti.root


def _change(path, change):
    info = read_plain_file(path)
    change(info)
    write_plain_file(path, info)


def _problem(root, text):
    report = check_kitti(root)
    assert not report.ok
    assert any(text in problem for problem in report.problems), report


def test_nothing_prepared(tmp_path):
    _problem(tmp_path, 'run "sparse3d create-data kitti')


def test_missing_image(prepared):
    (prepared / 'training/image_2/000005.png').unlink()
    _problem(prepared, '1 images of train are missing: 000005.png')


def test_truncated_points(prepared):
    path = prepared / 'training/velodyne_reduced/000005.bin'
    path.write_bytes(path.read_bytes()[:-16])
    _problem(prepared, '000005.bin has')


def test_swapped_sizes(prepared):
    def swap(info):
        for frame in info['data_list']:
            for item in frame['instances']:
                box = item['bbox_3d']
                box[3], box[5] = box[5], box[3]
    _change(prepared / 'kitti_infos_train.pkl', swap)
    _problem(prepared, 'other points in their boxes')


def test_wrong_projection(prepared):
    def shift(info):
        for frame in info['data_list']:
            frame['images']['CAM2']['cam2img'][0][2] += 60
    _change(prepared / 'kitti_infos_train.pkl', shift)
    _problem(prepared, 'do not project onto their objects')


def test_missing_object_of_the_database(prepared):
    next((prepared / 'kitti_gt_database').glob('*Car*')).unlink()
    _problem(prepared, '1 objects of the database are missing')


def test_an_old_info_file_is_recognized(prepared):
    old = [dict(image=dict(image_idx=3), calib={}, point_cloud={}, annos=dict(
        location=np.zeros((1, 3))))]
    (prepared / 'kitti_infos_val.pkl').write_bytes(pickle.dumps(old))
    _problem(prepared, 'written by mmdet3d 0.x')
