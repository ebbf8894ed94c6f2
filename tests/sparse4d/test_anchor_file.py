"""Files of anchors: ours, the released layout, and what is refused."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.errors import DataError
from sparse3d.preparation.box_anchors import write_anchors
from sparse4d.anchor_file import read_anchor_file


@pytest.fixture
def save(tmp_path):
    def make(array, **options):
        np.save(tmp_path / 'anchors.npy', array, **options)
        return tmp_path / 'anchors.npy'
    return make


def test_ours_and_the_released_layout(save, tmp_path):
    anchors = np.random.default_rng(0).normal(size=(5, 11))
    assert read_anchor_file(save(anchors), 5).dtype == np.float32  # released: float64
    write_anchors(anchors, tmp_path / 'ours.npy')
    np.testing.assert_array_equal(read_anchor_file(tmp_path / 'ours.npy'),
                                  anchors.astype(np.float32))


@pytest.mark.parametrize(('array', 'said'), [
    (np.zeros((5, 10)), r'\(5, 10\), no anchors \(6, 11\)'),
    (np.zeros((5, 11)), r'\(5, 11\), no anchors \(6, 11\)'),
    (np.full((6, 11), np.nan), 'anchor 0 of .* is not finite'),
    (np.array([None] * 6), 'no plain array of numbers')])
def test_other_arrays(save, array, said):
    with pytest.raises(DataError, match=said):
        read_anchor_file(save(array, allow_pickle=True), 6)


def test_a_file_that_is_damaged_or_not_there(tmp_path):
    (tmp_path / 'anchors.npy').write_bytes(b'nothing')
    with pytest.raises(DataError, match='no plain array of numbers'):
        read_anchor_file(tmp_path / 'anchors.npy')
    with pytest.raises(DataError, match='absent.npy'):
        read_anchor_file(tmp_path / 'absent.npy')
