import numpy as np
import pytest

from sparse3d.datasets.kitti.prepare.text import (
    check_types,
    read_calibration,
    read_labels,
    read_plane,
    read_split,
)
from sparse3d.errors import ConfigError, DataError

LABEL = ('Car 0.00 1 1.85 387.63 181.54 423.81 203.12 1.67 1.87 3.69 -16.53 2.39 58.49 1.57\n'
         'DontCare -1 -1 -10 503.89 169.71 590.61 190.13 -1 -1 -1 -1000 -1000 -1000 -10\n')


def _file(tmp_path, text):
    path = tmp_path / 'file.txt'
    path.write_text(text)
    return path


def test_a_label_line(tmp_path):
    car, ignored = read_labels(_file(tmp_path, LABEL))
    assert (car.type, car.truncated, car.occluded, car.alpha) == ('Car', 0, 1, 1.85)
    assert car.bbox == (387.63, 181.54, 423.81, 203.12)
    assert car.camera_box == (-16.53, 2.39, 58.49, 3.69, 1.67, 1.87, 1.57)  # l, h, w
    assert ignored.type == 'DontCare' and car.score == 0


def test_a_result_line_has_a_score(tmp_path):
    line = LABEL.splitlines()[0].replace('0.00 1', '-1 -1') + ' 0.75\n'
    assert read_labels(_file(tmp_path, line))[0].score == 0.75


def test_an_empty_file_has_no_objects(tmp_path):
    assert read_labels(_file(tmp_path, '')) == []
    assert read_labels(_file(tmp_path, '\n')) == []


@pytest.mark.parametrize('old, new, message', [
    ('Car', 'car', "unknown type 'car'"), (' 1.57', '', '14 columns'), (' 1 1.85', ' 7 1.85', '7'),
    ('0.00', '1.50', 'truncated is 1.5'), ('423.81', '3.81', 'ends before it begins'),
    ('3.69', '-3.69', 'cannot be'), (' 1.57', ' 157', 'cannot be'), ('58.49', '5849', 'cannot be'),
    ('58.49', 'inf', 'NaN or infinite'), ('58.49', '5e', 'could not convert')])
def test_impossible_labels(tmp_path, old, new, message):
    with pytest.raises(DataError, match=message) as caught:
        read_labels(_file(tmp_path, LABEL.replace(old, new, 1)))
    assert 'file.txt, line 1' in str(caught.value)


@pytest.mark.parametrize('change, message', [
    (lambda line: f'0 -1 {line}', '17 columns.*KITTI tracking.*without the first two columns'),
    (lambda line: f'{line} 0.9 1', r'17 columns, not 15 \(or 16 with a score\)$'),
    (lambda line: line.replace('58.49', '58,49'), "'58,49' is no number; decimals need a point")])
def test_labels_of_other_tools_get_a_way_out(tmp_path, change, message):
    with pytest.raises(DataError, match=message):
        read_labels(_file(tmp_path, change(LABEL.splitlines()[0])))


def test_the_option_of_create_data_is_named_there_alone(tmp_path):
    path = _file(tmp_path, LABEL.replace('Car', 'Bus', 1))
    with pytest.raises(DataError, match='--types Bus=TYPE'):
        read_labels(path, {})
    with pytest.raises(DataError, match='DontCare$'):
        read_labels(path)


def test_calibration_by_hand(small_kitti, tmp_path):
    calibration = read_calibration(_file(tmp_path, small_kitti.calibration()))
    point = calibration.lidar2cam @ (10, 1, 0.5, 1)
    np.testing.assert_allclose(point, [-1, -0.6, 9.7, 1])
    assert [matrix.shape for matrix in calibration.cam2img] == [(4, 4)] * 4


def test_tracking_names_its_matrices_otherwise(small_kitti, tmp_path):
    expected = read_calibration(_file(tmp_path, small_kitti.calibration()))
    text = small_kitti.calibration().replace('R0_rect:', 'R_rect').replace(
        'Tr_velo_to_cam:', 'Tr_velo_cam').replace('Tr_imu_to_velo:', 'Tr_imu_velo')
    found = read_calibration(_file(tmp_path, f'calib_time: 09-Jan-2012 13:57:47\n{text}'))
    np.testing.assert_array_equal(found.lidar2cam, expected.lidar2cam)
    np.testing.assert_array_equal(found.cam2img, expected.cam2img)
    np.testing.assert_array_equal(found.imu2velo, expected.imu2velo)


@pytest.mark.parametrize('unused', ['P0', 'P1', 'P3', 'Tr_imu_to_velo'])
@pytest.mark.parametrize('how', ['absent', 'empty'])
def test_a_matrix_that_nothing_uses_may_be_absent_or_empty(small_kitti, tmp_path, unused, how):
    kept = [line if not line.startswith(unused) else f'{unused}:'
            for line in small_kitti.calibration().splitlines()
            if how == 'empty' or not line.startswith(unused)]
    found = read_calibration(_file(tmp_path, '\n'.join(kept)))
    given = dict(zip(('P0', 'P1', 'P2', 'P3'), found.cam2img, strict=True),
                 Tr_imu_to_velo=found.imu2velo)
    assert [name for name, matrix in given.items() if matrix is None] == [unused]


@pytest.mark.parametrize('old, new, message', [
    ('P2:', 'P9:', 'lacks the matrix P2; it has P0, P1, P3'),
    ('R0_rect:', 'Rect:', r'lacks the matrix R0_rect \(or R_rect\)'),
    ('Tr_velo_to_cam:', 'Tr_velo_to_cam:\nOther:', r'Tr_velo_to_cam \(or Tr_velo_cam\)'),
    ('P2:', 'P2: 1 2 3\nP2:', 'gives the matrix P2 twice'),
    ('Tr_imu_to_velo: 1.0', 'Tr_imu_to_velo: nan 1.0', 'NaN')])
def test_what_is_needed_and_what_is_given_has_to_be_right(small_kitti, tmp_path, old, new, message):
    text = small_kitti.calibration().replace(old, new)
    with pytest.raises(DataError, match=message):
        read_calibration(_file(tmp_path, text))


def test_types_that_kitti_does_not_know(tmp_path):
    text = ''.join(LABEL.replace('Car ', f'{name} ') for name in ('Bus', 'Cone', 'Van'))
    path = _file(tmp_path, text)
    with pytest.raises(DataError, match="'Bus'.*--types Bus=TYPE"):
        read_labels(path, {})
    with pytest.raises(DataError, match="'Cone'"):
        read_labels(path, dict(Bus='Truck'))
    found = read_labels(path, {'Bus': 'Truck', '*': 'DontCare'})
    assert [item.type for item in found][::2] == ['Truck', 'DontCare', 'Van']
    for types in (dict(Bus='Lorry'), dict(Van='Car')):
        with pytest.raises(ConfigError):
            check_types(types)


def test_names_of_frames(tmp_path):
    names = ['1', '000001', 'frame_0', 'Straße 7', '2011-09-26_0001']
    path = tmp_path / 'train.txt'
    path.write_text('\r\n'.join(names), encoding='utf-8')
    assert read_split(path) == names


def test_plane_and_split(tmp_path):
    plane = _file(tmp_path, '# Plane\nWidth 4\nHeight 1\n0 -1 0 1.65\n')
    assert read_plane(plane) == [0, -1, 0, 1.65]
    with pytest.raises(DataError, match='does not hold a plane'):
        read_plane(_file(tmp_path, '# Plane\n'))
    assert read_split(_file(tmp_path, '000001\n000002\n\n')) == ['000001', '000002']


def test_fuzz_labels_and_calibration(small_kitti, tmp_path):
    """Truncated or with a byte changed: a DataError that names the file, or numbers."""
    random = np.random.default_rng(0)
    for reader, text in ((read_labels, LABEL), (read_calibration, small_kitti.calibration())):
        whole, path = text.encode(), tmp_path / 'file.txt'
        for _ in range(600):
            damaged = bytearray(whole[:random.integers(0, len(whole) + 1)])
            for _ in range(random.integers(0, 3) if damaged else 0):
                damaged[random.integers(len(damaged))] = random.integers(0, 256)
            path.write_bytes(damaged)
            try:
                result = reader(path)
            except DataError as error:
                assert 'file.txt' in str(error)
            else:
                assert np.isfinite(_numbers(result)).all()


def _numbers(result):
    if isinstance(result, list):
        return [number for item in result for number in (*item.camera_box, *item.bbox)]
    return np.stack([*filter(lambda matrix: matrix is not None, result.cam2img), result.lidar2cam])
