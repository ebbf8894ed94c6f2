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


def test_regions_without_labels_are_no_ground_truth(small_kitti):
    for path in (small_kitti.root / 'training/label_2').iterdir():
        path.write_text('DontCare -1 -1 -10 1 1 9 9 -1 -1 -1 -1000 -1000 -1000 -10\n')
    assert 'val has no labeled object in 1 frames' in str(prepare_kitti(small_kitti.root))
    _problem(small_kitti.root, 'no object of train has a class')


def test_a_split_without_frames(small_kitti):
    (small_kitti.root / 'ImageSets/train.txt').write_text('')
    assert 'train has no frame' in str(prepare_kitti(small_kitti.root))
    _problem(small_kitti.root, 'train has no frame')


def test_frames_of_train_and_val_are_counted_and_stand_once_in_trainval(small_kitti):
    (small_kitti.root / 'ImageSets/val.txt').write_text('000005\n000008\n')
    report = prepare_kitti(small_kitti.root)
    assert '1 of 2 frames of val are in train too (000005)' in str(report)
    assert report.frames['trainval'] == 4
    _problem(small_kitti.root, '1 of 2 frames of val are in train too (000005): scores on them')


def test_frames_in_both_on_request_are_no_problem(small_kitti):
    prepare_kitti(small_kitti.root, all_frames=True)
    report = check_kitti(small_kitti.root)
    assert report.ok, report
    assert any('of val are in train too' in fact for fact in report.facts)


@pytest.mark.parametrize('calibration', ['1 0 0 0 0 1 0 0 0 0 1 0', None])
def test_labels_and_clouds_of_two_frames_are_found(small_kitti, calibration):
    """A calibration that turns nothing, or labels in the frame of the LiDAR: no point in a box."""
    for kind in ('label_2', 'calib'):
        for path in (small_kitti.root / 'training' / kind).iterdir():
            lines = [line.split() for line in path.read_text().splitlines()]
            for words in lines:
                if calibration and words[0] == 'Tr_velo_to_cam:':
                    words[1:] = calibration.split()
                elif not calibration and kind == 'label_2' and words[0] != 'DontCare':
                    x, y, z = map(float, words[11:14])
                    words[11:14] = [str(z + 0.3), str(-x), str(-y - 0.1)]
            path.write_text(''.join(' '.join(words) + '\n' for words in lines))
    prepare_kitti(small_kitti.root)
    _problem(small_kitti.root, '4 of 4 objects of train hold no point: wrong calibration')
