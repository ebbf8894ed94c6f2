"""Anchors of boxes: where they are, the same for the same seed, and too few boxes."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.errors import DataError
from sparse3d.preparation.box_anchors import box_anchors, gathered, write_anchors


def boxes(count=200, seed=0):
    random = np.random.default_rng(seed)
    return np.concatenate([random.uniform(-30, 30, (count, 3)), random.uniform(1, 4, (count, 3))],
                          1)


def test_anchors_stand_in_clusters_of_mean_size():
    found = box_anchors(boxes(), 20)
    assert found.shape == (20, 11) and np.isfinite(found).all()
    np.testing.assert_allclose(np.exp(found[:, 3:6]), np.tile(boxes()[:, 3:6].mean(0), (20, 1)))
    assert (found[:, 6:] == [0, 1, 0, 0, 0]).all() and (np.diff(found[:, 0]) >= 0).all()
    nearest = np.linalg.norm(boxes()[:, None, :3] - found[None, :, :3], axis=-1).min(1)
    assert nearest.mean() < 14  # 20 anchors in a cube of 60 m


def test_the_seed_decides_and_far_boxes_do_not_count():
    one, again, other = (box_anchors(boxes(), 20, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert not np.allclose(one, other)
    far = boxes()
    far[:100, 0] += 500
    assert abs(box_anchors(far, 20)[:, :3]).max() <= 31


def test_more_anchors_than_places():
    with pytest.raises(DataError, match='11 anchors cannot be made of 10 places'):
        box_anchors(boxes(10), 11)
    with pytest.raises(DataError, match='from 1 to 1'):
        box_anchors(np.tile(boxes(1), (5, 1)), 2)
    assert len(box_anchors(boxes(10), 10)) == 10


@pytest.mark.parametrize('seed', [-1, 1.5, None])
def test_seeds_that_are_none(seed):
    with pytest.raises(DataError, match=f'seed is {seed}; give a whole number'):
        box_anchors(boxes(10), 2, seed=seed)


def test_broken_boxes_do_not_count_and_places_far_apart_all_get_one():
    broken = boxes(3)
    broken[0, 0], broken[1, 3], broken[2, 5] = np.nan, 0, -1
    np.testing.assert_array_equal(box_anchors(np.concatenate([boxes(), broken]), 20),
                                  box_anchors(boxes(), 20))
    few = np.tile(boxes(1), (300, 1))
    few[:40, :3] = np.linspace(-20, 20, 40)[:, None]
    for seed in range(5):
        assert np.isfinite(box_anchors(few, 39, seed=seed)).all()


def test_boxes_of_samples_and_a_file_as_a_whole(tmp_path):
    assert gathered([boxes(3), boxes(0), np.ones((2, 9))]).shape == (5, 6)
    assert gathered([]).shape == (0, 6)
    write_anchors(box_anchors(boxes(), 4), tmp_path / 'a.npy')
    stored = np.load(tmp_path / 'a.npy', allow_pickle=False)
    assert stored.shape == (4, 11) and stored.dtype == np.float32
