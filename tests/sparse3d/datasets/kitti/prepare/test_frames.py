import argparse
import errno
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from mmdet3d.datasets.convert_utils import get_kitti_style_2d_boxes
from mmdet3d.registry import DATASETS
from mmdet3d.structures.ops.box_np_ops import remove_outside_points
from PIL import Image

from sparse3d.datasets.kitti.arguments import add_arguments, prepare
from sparse3d.datasets.kitti.check import check_kitti
from sparse3d.datasets.kitti.evaluate.metric import KittiDetectionMetric
from sparse3d.datasets.kitti.prepare import frames as kitti
from sparse3d.datasets.kitti.prepare import prepare_kitti
from sparse3d.datasets.kitti.prepare.files import KittiFrame
from sparse3d.datasets.kitti.prepare.frame import difficulty, read_frame
from sparse3d.datasets.kitti.prepare.text import KittiObject, read_calibration, read_labels
from sparse3d.errors import DataError
from sparse3d.transforms.info_files import read_info_file, read_plain_file


def test_the_small_data_set(small_kitti):
    report = prepare_kitti(small_kitti.root)
    assert report.frames == dict(train=3, val=1, trainval=4, test=1)
    assert report.objects == dict(Car=2, Pedestrian=1, Cyclist=1)
    info = read_info_file(small_kitti.root / 'kitti_infos_train.pkl', 'kitti')
    assert [frame['sample_idx'] for frame in info['data_list']] == [3, 5, 7]
    car, pedestrian, ignored = info['data_list'][0]['instances']
    np.testing.assert_allclose(car['bbox_3d'], [-2, 1.6, 11.7, 4, 1.5, 1.7, -0.3 - np.pi / 2],
                               atol=1e-4)  # x = -y, y = -(z + 0.1), z = x - 0.3; l, h, w
    assert (car['bbox_label_3d'], pedestrian['bbox_label_3d'], ignored['bbox_label']) == (2, 0, -1)
    assert (car['num_lidar_pts'], ignored['num_lidar_pts']) == (60, -1)
    assert [item['index'] for item in (car, pedestrian, ignored)] == [0, 1, -1]
    assert info['data_list'][0]['plane'] == [0, -1, 0, 1.6]
    assert [len(frame['instances']) for frame in info['data_list']] == [3, 3, 1]


def test_stamp(small_kitti):
    prepare_kitti(small_kitti.root)
    metainfo = read_info_file(small_kitti.root / 'kitti_infos_val.pkl', 'kitti')['metainfo']
    assert metainfo['categories'] == dict(
        Pedestrian=0, Cyclist=1, Car=2, Van=3, Truck=4, Person_sitting=5, Tram=6, Misc=7,
        DontCare=-1)
    assert (metainfo['dataset'], metainfo['info_version']) == ('kitti', '1.1')
    assert metainfo['stamp']['source'] == 'KITTI object detection 2017'
    assert {'format_version', 'box_convention', 'options', 'split', 'writer'} < set(
        metainfo['stamp'])


def test_a_simulated_source_is_stamped_as_such(small_kitti):
    (small_kitti.root / 'simulation.json').write_text('{"seed": 3}')
    prepare_kitti(small_kitti.root)
    info = read_info_file(small_kitti.root / 'kitti_infos_train.pkl', 'kitti')
    assert info['metainfo']['stamp']['source'] == 'simulated: {"seed": 3}'


def test_reduced_points_are_those_in_the_image(small_kitti):
    points = small_kitti.points_for(3, [(12.0, 2.0, -1.7, 4.0, 1.7, 1.5, 0.3),
                                        (8.0, -2.0, -1.7, 0.8, 0.6, 1.8, 1.0)])
    prepare_kitti(small_kitti.root)
    reduced = np.fromfile(small_kitti.root / 'training/velodyne_reduced/000003.bin', '<f4')
    depth = points[:, 0] - 0.3   # 90 degrees wide, 53 degrees high
    seen = ((depth > 0) & (np.abs(points[:, 1]) < depth)
            & (np.abs(points[:, 2] + 0.1) < depth / 2))
    np.testing.assert_array_equal(reduced.reshape(-1, 4), points[seen])


def test_database_objects_lie_around_their_origin(small_kitti):
    prepare_kitti(small_kitti.root)
    index = read_plain_file(small_kitti.root / 'kitti_dbinfos_train.pkl')
    entry = index['Car'][0]
    points = np.fromfile(small_kitti.root / entry['path'], '<f4').reshape(-1, 4)
    assert len(points) == entry['num_points_in_gt'] == 60
    assert np.abs(points[:, :2]).max() < 2.3 and 0 < points[:, 2].min() < points[:, 2].max() < 1.5
    np.testing.assert_allclose(entry['box3d_lidar'], [12, 2, -1.7, 4, 1.7, 1.5, 0.3], atol=1e-4)
    assert {'name', 'path', 'image_idx', 'gt_idx', 'difficulty', 'group_id', 'score'} < set(entry)


@pytest.mark.parametrize('height, occluded, truncated, expected', [
    (41, 0, 0.15, 0), (40, 0, 0, 1), (26, 0, 0, 1), (41, 1, 0, 1), (41, 0, 0.3, 1),
    (41, 2, 0, 2), (26, 0, 0.5, 2), (25, 0, 0, -1), (41, 3, 0, -1), (41, 0, 0.51, -1)])
def test_difficulty(height, occluded, truncated, expected):
    item = KittiObject('Car', truncated, occluded, 0, (0, 0, 10, height), (4, 1.5, 1.7),
                       (0, 1, 10), 0)
    assert difficulty(item) == expected


def test_two_processes_give_what_one_gives(small_kitti, tmp_path):
    prepare_kitti(small_kitti.root, out=tmp_path / 'one', workers=1)
    prepare_kitti(small_kitti.root, out=tmp_path / 'two', workers=2)
    for name in ('kitti_infos_trainval.pkl', 'kitti_dbinfos_train.pkl'):
        np.testing.assert_equal(read_plain_file(tmp_path / 'one' / name),
                                read_plain_file(tmp_path / 'two' / name))


def test_writing_elsewhere_leaves_the_source_alone(small_kitti, tmp_path):
    before = sorted(small_kitti.root.rglob('*'))
    prepare_kitti(small_kitti.root, out=tmp_path / 'out')
    assert sorted(small_kitti.root.rglob('*')) == before
    assert check_kitti(tmp_path / 'out').ok   # images are found through links


def test_without_splits_all_frames_on_request(small_kitti):
    shutil.rmtree(small_kitti.root / 'ImageSets')
    with pytest.raises(DataError, match='--all-frames'):
        prepare_kitti(small_kitti.root)
    report = prepare_kitti(small_kitti.root, all_frames=True)
    assert report.frames == dict(train=4, val=4, trainval=4)


def _rename(root, old, new):
    for kind in ('velodyne', 'calib', 'image_2', 'label_2'):
        for path in (root / 'training' / kind).glob(f'{old}.*'):
            path.rename(path.with_name(f'{new}{path.suffix}'))


def test_frames_of_any_name_do_not_collide(small_kitti):
    """Of 5, 05 and 000005 the numbers are one; each keeps its points, objects and results."""
    names = ['5', '05', '000005', 'drive 1_a']
    for number, name in zip((3, 7, 5, 8), names, strict=True):
        _rename(small_kitti.root, f'{number:06d}', name)
    for split in ('train', 'val'):
        (small_kitti.root / f'ImageSets/{split}.txt').write_text('\n'.join(names))
    report = prepare_kitti(small_kitti.root, splits=['train', 'val'])
    entries = read_info_file(small_kitti.root / 'kitti_infos_val.pkl', 'kitti')['data_list']
    assert [entry['sample_idx'] for entry in entries] == ['5', '05', 5, 'drive 1_a']
    assert [len(entry['instances']) for entry in entries] == [3, 1, 3, 3]
    assert report.objects == dict(Car=4, Pedestrian=1, Cyclist=1)
    index = read_plain_file(small_kitti.root / 'kitti_dbinfos_train.pkl')
    paths = [entry['path'] for items in index.values() for entry in items]
    assert len(set(paths)) == len(paths) == 6
    problem, = check_kitti(small_kitti.root).problems
    assert 'say nothing of other frames' in problem  # both parts have the same here
    data = DATASETS.build(dict(
        type='mmdet3d.KittiDetectionDataset', data_root=str(small_kitti.root),
        ann_file='kitti_infos_val.pkl', metainfo=dict(classes=['Car']), test_mode=True,
        data_prefix=dict(pts='training/velodyne_reduced', img='training/image_2')))
    assert [Path(data[row]['lidar_path']).stem for row in range(4)] == names
    metric = KittiDetectionMetric(small_kitti.root / 'kitti_infos_val.pkl', format_only=True,
                                  submission_prefix=small_kitti.root / 'results')
    metric.dataset_meta = dict(classes=['Car'])
    metric.compute_metrics([])
    assert {path.stem for path in (small_kitti.root / 'results').iterdir()} == set(names)


@pytest.mark.parametrize('suffix', ['.jpg', '.jpeg', '.JPG', '.PNG'])
def test_pictures_of_other_endings(small_kitti, suffix):
    for path in (small_kitti.root / 'training/image_2').glob('*.png'):
        with Image.open(path) as image:
            image.save(path.with_suffix(suffix))
        path.unlink()
    prepare_kitti(small_kitti.root, splits=['train'])
    info = read_info_file(small_kitti.root / 'kitti_infos_train.pkl', 'kitti')
    image = info['data_list'][0]['images']['CAM2']
    assert (image['img_path'], image['height'], image['width']) == (f'000003{suffix}', 200, 400)
    assert check_kitti(small_kitti.root).ok


def test_a_truncated_jpeg_and_two_pictures_are_named(small_kitti):
    folder = small_kitti.root / 'training/image_2'
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (200, 400, 3), np.uint8)).save(
        folder / '000005.jpg')
    with pytest.raises(DataError, match='000005.png and 000005.jpg are two pictures'):
        prepare_kitti(small_kitti.root)
    (folder / '000005.png').unlink()
    whole = (folder / '000005.jpg').read_bytes()
    (folder / '000005.jpg').write_bytes(whole + b'maker note')
    prepare_kitti(small_kitti.root)
    (folder / '000005.jpg').write_bytes(whole[:-2000])
    with pytest.raises(DataError, match='000005.jpg is truncated'):
        prepare_kitti(small_kitti.root)


def test_all_frames_are_the_labeled_ones_and_the_others_are_counted(small_kitti):
    root = small_kitti.root / 'training'
    (root / 'label_2/000003.txt').unlink()
    (root / 'label_2/000099.txt').write_text('')
    (root / 'velodyne/._000005.bin').write_bytes(b'from a Mac')
    report = prepare_kitti(small_kitti.root, all_frames=True)
    assert report.frames == dict(train=3, val=3, trainval=3)
    assert 'left out: 1 clouds in velodyne/ have no file in label_2/ (000003)' in str(report)
    assert 'left out: 1 files in label_2/ have no cloud in velodyne/ (000099)' in str(report)
    shutil.rmtree(root / 'label_2')
    with pytest.raises(DataError, match='has no labeled frame'):
        prepare_kitti(small_kitti.root, all_frames=True)


def test_unknown_types_by_option(small_kitti, capsys):
    path = small_kitti.root / 'training/label_2/000003.txt'
    path.write_text(path.read_text().replace('Car ', 'Bus '))
    arguments = [str(small_kitti.root), '--splits', 'train', '--workers', '1']
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    prepare(parser.parse_args([*arguments, '--types', 'Bus=Truck']))
    info = read_info_file(small_kitti.root / 'kitti_infos_train.pkl', 'kitti')
    assert info['data_list'][0]['instances'][0]['bbox_label'] == 4  # Truck
    assert info['metainfo']['stamp']['options']['types'] == dict(Bus='Truck')
    with pytest.raises(SystemExit):
        parser.parse_args([*arguments, '--types', 'Bus'])
    assert "'Bus' is not NAME=TYPE" in capsys.readouterr().err


def test_only_the_matrices_that_are_used(small_kitti):
    for path in small_kitti.root.glob('*/calib/*.txt'):
        kept = [line for line in path.read_text().splitlines()
                if line.startswith(('P2', 'R0', 'Tr_velo'))]
        path.write_text('\n'.join([*kept, 'Tr_imu_to_velo:']))
    prepare_kitti(small_kitti.root)
    assert check_kitti(small_kitti.root).ok
    entry = read_info_file(small_kitti.root / 'kitti_infos_train.pkl', 'kitti')['data_list'][0]
    assert set(entry['images']) == {'CAM2', 'R0_rect'}
    assert 'Tr_imu_to_velo' not in entry['lidar_points']
    data = DATASETS.build(dict(
        type='mmdet3d.KittiDetectionDataset', data_root=str(small_kitti.root),
        ann_file='kitti_infos_train.pkl', metainfo=dict(classes=['Car']),
        data_prefix=dict(pts='training/velodyne_reduced', img='training/image_2')))
    assert len(data.get_data_info(0)['ann_info']['gt_labels_3d']) == 1


def test_a_stopped_run_continues(small_kitti, monkeypatch):
    made = []

    def counting(frame, types):
        made.append(frame.name)
        if len(made) == 3:
            raise KeyboardInterrupt
        return read_frame(frame, types)

    monkeypatch.setattr(kitti, 'read_frame', counting)
    with pytest.raises(KeyboardInterrupt):
        prepare_kitti(small_kitti.root)
    os.utime(small_kitti.root / 'training/label_2/000003.txt', (1, 1))   # changed since
    made[:] = ['', '', '']
    prepare_kitti(small_kitti.root)
    assert made[3:] == ['000003', '000007', '000008', '000001']
    assert check_kitti(small_kitti.root).ok
    assert not (small_kitti.root / '.prepare_kitti').exists()


def test_other_options_do_not_use_an_old_journal(small_kitti, monkeypatch):
    monkeypatch.setattr(kitti, '_write_infos', lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        prepare_kitti(small_kitti.root, database=False)
    monkeypatch.undo()
    assert prepare_kitti(small_kitti.root).objects == dict(Car=2, Pedestrian=1, Cyclist=1)


DAMAGE = {
    'no labels': ('label_2/000005.txt', None, 'does not exist'),
    'no calibration': ('calib/000005.txt', None, 'does not exist'),
    'no image': ('image_2/000005.png', None, 'does not exist'),
    'no points': ('velodyne/000005.bin', None, 'does not exist'),
    'empty points': ('velodyne/000005.bin', lambda old: b'', 'is empty'),
    'truncated points': ('velodyne/000005.bin', lambda old: old[:-7], 'truncated or has another'),
    'truncated image': ('image_2/000005.png', lambda old: old[:-20], 'truncated'),
    'no image at all': ('image_2/000005.png', lambda old: b'hello, image', 'not a readable image'),
    'unknown type': ('label_2/000005.txt', lambda old: old.replace(b'Car', b'Spaceship'),
                     "line 1 has the unknown type 'Spaceship'"),
    'short line': ('label_2/000005.txt', lambda old: old[:30], 'columns'),
    'NaN label': ('label_2/000005.txt', lambda old: old.replace(b'0.00', b'nan', 1), 'NaN'),
    'not a number': ('label_2/000005.txt', lambda old: old.replace(b'0.00', b'x', 1), "'x'"),
    'no R0_rect': ('calib/000005.txt', lambda old: old.replace(b'R0_rect', b'R0'), 'lacks'),
    'no rotation': ('calib/000005.txt', lambda old: old.replace(
        b'R0_rect: 1.0', b'R0_rect: 3.0'), 'not hold a rotation'),
    'short matrix': ('calib/000005.txt', lambda old: old.replace(b' 0.000000e+00\nP3', b'\nP3'),
                     'P2 has 11 numbers'),
}


def _damage(root, name, change):
    path = root / 'training' / name
    if change is None:
        path.unlink()
    else:
        path.write_bytes(change(path.read_bytes()))
    return path


@pytest.mark.parametrize('name, change, message', DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_file_is_named_and_skipped_on_request(small_kitti, name, change, message):
    path = _damage(small_kitti.root, name, change)
    with pytest.raises(DataError) as caught:
        prepare_kitti(small_kitti.root)
    assert str(path) in str(caught.value) and message in str(caught.value)
    assert not list(small_kitti.root.glob('*.pkl'))
    report = prepare_kitti(small_kitti.root, skip_damaged=True)
    assert report.frames == dict(train=2, val=1, trainval=3, test=1)
    assert len(report.damaged) == 1 and str(path) in report.damaged[0]


def test_five_columns_are_noticed(small_kitti):
    points = np.random.default_rng(0).uniform(-20, 20, (400, 5)).astype('<f4')
    (small_kitti.root / 'training/velodyne/000005.bin').write_bytes(points.tobytes())
    with pytest.raises(DataError, match='another number of columns'):
        prepare_kitti(small_kitti.root)


def test_a_full_disk_leaves_old_info_files_whole(small_kitti, monkeypatch):
    prepare_kitti(small_kitti.root)
    before = {path: path.read_bytes() for path in small_kitti.root.glob('*.pkl')}
    replace = os.replace

    def full(source, target):
        if str(target).endswith('kitti_infos_train.pkl'):
            raise OSError(errno.ENOSPC, 'No space left on device')
        replace(source, target)

    monkeypatch.setattr(os, 'replace', full)
    with pytest.raises(DataError, match='No space left on device'):
        prepare_kitti(small_kitti.root, skip_damaged=True)
    assert {path: path.read_bytes() for path in small_kitti.root.glob('*.pkl')} == before
    assert not list(small_kitti.root.rglob('*.tmp'))


def test_a_full_disk_is_not_taken_for_damaged_frames(small_kitti, monkeypatch):
    replace = os.replace

    def full(source, target):
        if 'velodyne_reduced' in str(target):
            raise OSError(errno.ENOSPC, 'No space left on device')
        replace(source, target)

    monkeypatch.setattr(os, 'replace', full)
    with pytest.raises(DataError, match='velodyne_reduced/000003.bin could not be written'):
        prepare_kitti(small_kitti.root, skip_damaged=True)
    assert not list(small_kitti.root.glob('*.pkl')) and not list(small_kitti.root.rglob('*.tmp'))


def test_no_data_set_and_no_split(small_kitti, tmp_path):
    with pytest.raises(DataError, match='not a KITTI data set'):
        prepare_kitti(tmp_path)
    (small_kitti.root / 'ImageSets/test.txt').unlink()
    with pytest.raises(DataError, match="no split 'test'"):
        prepare_kitti(small_kitti.root, splits=['test'])


@pytest.mark.parametrize('text, message', [
    ('../../secret\n', 'not the name of a frame'), ('000003\n000003\n', '000003 twice')])
def test_odd_splits(small_kitti, text, message):
    (small_kitti.root / 'ImageSets/train.txt').write_text(text)
    with pytest.raises(DataError, match=message):
        prepare_kitti(small_kitti.root)


def test_real_frames_agree_with_the_functions_of_mmdet3d(real_data_dir):
    root = real_data_dir / 'kitti'
    for name in ('000000', '000001', '000008'):
        frame = KittiFrame(root, 'training', name)
        read, calibration = read_frame(frame), read_calibration(frame.file('calib'))
        image = read.info['images']['CAM2']
        size = (image['height'], image['width'])
        points = np.fromfile(frame.file('velodyne'), '<f4').reshape(-1, 4)
        np.testing.assert_array_equal(read.visible_points, remove_outside_points(
            points, calibration.rectification, calibration.velo2cam, calibration.cam2img[2], size))
        known = [item for item in read_labels(frame.file('label_2')) if item.type != 'DontCare']
        expected = get_kitti_style_2d_boxes(
            dict(calib=dict(P2=calibration.cam2img[2]),
                 image=dict(image_idx=int(name), image_shape=size)), annos=_arrays(known))
        ours = read.info['cam_instances']['CAM2']
        assert [sorted(item) for item in ours] == [sorted(item) for item in expected]
        for key in ('bbox', 'bbox_3d', 'center_2d', 'depth', 'bbox_label'):
            np.testing.assert_allclose([item[key] for item in ours],
                                       [item[key] for item in expected], rtol=1e-5, atol=1e-4)


def _arrays(items):
    return dict(
        name=np.array([item.type for item in items]),
        occluded=np.array([item.occluded for item in items]),
        location=np.array([item.location for item in items]),
        dimensions=np.array([item.dimensions for item in items]),
        rotation_y=np.array([item.rotation_y for item in items]))


def test_real_frames_are_prepared_and_pass_the_check(real_data_dir, tmp_path):
    report = prepare_kitti(real_data_dir / 'kitti', out=tmp_path, all_frames=True)
    assert report.objects == dict(Pedestrian=1, Truck=1, Car=7, Cyclist=1)
    # numbers of points as written by mmdet3d 1.4's own converter for the same frames
    info = read_info_file(tmp_path / 'kitti_infos_train.pkl', 'kitti')
    counts = [[item['num_lidar_pts'] for item in frame['instances'] if item['index'] >= 0]
              for frame in info['data_list']]
    assert counts == [[377], [71, 9, 18], [1325, 1900, 881, 659, 55, 162]]
    assert check_kitti(tmp_path).ok
