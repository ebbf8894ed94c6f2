import numpy as np
import pytest

from sparse3d.errors import DataError
from sparse3d.transforms.point_files import describe_contents, load_points


def _write(tmp_path, points):
    path = tmp_path / 'points.bin'
    path.write_bytes(np.asarray(points, dtype='<f4').tobytes())
    return path


def test_two_points(tmp_path):
    path = _write(tmp_path, [[1, 2, 3, 0.5], [4, 5, 6, 0.25]])
    points = load_points(path)
    assert points.dtype == np.float32 and points.flags.writeable
    assert points.tolist() == [[1, 2, 3, 0.5], [4, 5, 6, 0.25]]


def test_an_empty_cloud_is_a_cloud_unless_refused(tmp_path):
    path = _write(tmp_path, [])
    assert load_points(path, columns=5).shape == (0, 5)
    with pytest.raises(DataError, match='points.bin is empty'):
        load_points(path, allow_empty=False)


@pytest.mark.parametrize('size', [1, 15, 17, 20])
def test_a_truncated_file_or_another_column_count(tmp_path, size):
    path = tmp_path / 'points.bin'
    path.write_bytes(bytes(size))
    with pytest.raises(DataError, match=f'points.bin has {size} bytes, not a multiple of'):
        load_points(path)


def test_damage_that_keeps_whole_rows_is_noticed_by_what_was_recorded(tmp_path):
    path = _write(tmp_path, np.ones((4, 4)))
    contents = describe_contents(path.read_bytes())
    assert len(load_points(path, contents=contents)) == 4
    _write(tmp_path, np.ones((3, 4)))
    with pytest.raises(DataError, match='has 48 bytes but had 64'):
        load_points(path, contents=contents)
    _write(tmp_path, np.full((4, 4), 2))
    with pytest.raises(DataError, match='checksum'):
        load_points(path, contents=contents)


def test_nan_and_infinite_points_are_left_out_with_one_warning(tmp_path, monkeypatch):
    warnings = []
    monkeypatch.setattr('sparse3d.transforms.point_files.print_log',
                        lambda text, **_: warnings.append(text))
    path = _write(tmp_path, [[1, 2, 3, 0], [np.nan, 0, 0, 0], [0, np.inf, 0, 0],
                             [0, 0, 0, -np.inf]])
    for _ in range(2):
        assert load_points(path).tolist() == [[1, 2, 3, 0]]
    assert len(warnings) == 1 and '3 of 4 points' in warnings[0] and str(path) in warnings[0]


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(DataError, match='nothing.bin does not exist'):
        load_points(tmp_path / 'nothing.bin')
    with pytest.raises(DataError, match='cannot be read'):
        load_points(tmp_path)


def test_fuzz_every_truncation_is_an_error_or_a_prefix(tmp_path):
    points = np.random.default_rng(0).normal(size=(6, 4)).astype('<f4')
    path = _write(tmp_path, points)
    whole = path.read_bytes()
    contents = describe_contents(whole)
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError):
            load_points(path, contents=contents)
        if length % 16 == 0:
            np.testing.assert_array_equal(load_points(path), points[:length // 16])
        else:
            with pytest.raises(DataError):
                load_points(path)


def test_fuzz_every_flipped_bit_is_noticed(tmp_path):
    path = _write(tmp_path, np.random.default_rng(0).normal(size=(3, 4)))
    whole = path.read_bytes()
    contents = describe_contents(whole)
    for bit in range(len(whole) * 8):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        with pytest.raises(DataError, match='checksum'):
            load_points(path, contents=contents)
