"""Images fitted, scaled and mirrored: matrices against pixels."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.errors import ConfigError
from sparse3d.transforms.fit_views import MEAN_BGR, FitViews, warped


def sample(views: int = 2, mirrored: bool = False) -> dict:
    image = np.zeros((90, 160, 3), np.uint8)
    image[40:44, 100:104] = 255
    motion = np.diag([1.0, -1.0 if mirrored else 1.0, 1, 1])
    return dict(img=[image.copy() for _ in range(views)], num_views=views,
                lidar2img=np.tile(np.eye(4), (views, 1, 1)), lidar_aug_matrix=motion)


def bright(image: np.ndarray) -> np.ndarray:
    """Continuous x, y of the middle of the bright square."""
    rows, columns = np.nonzero(image[..., 0] > 200)
    return np.array([columns.mean(), rows.mean()]) + 0.5


def test_a_whole_image_fits_as_in_the_release():
    results = FitViews((448, 800))(dict(img=[np.zeros((900, 1600, 3), np.uint8)], num_views=1,
                                        lidar2img=np.eye(4)[None]))
    assert results['img'][0].shape == (448, 796, 3) and results['img_shape'] == (448, 796)
    np.testing.assert_allclose(np.diag(results['lidar2img'][0])[:2], [796 / 1600, 448 / 900])
    assert 'valid_shape' not in results


@pytest.mark.parametrize('mirrored', [False, True])
def test_what_moves_in_the_image_moves_in_the_matrix(mirrored):
    np.random.seed(3)
    results = FitViews((90, 160), scale=(0.9, 1.1))(sample(6, mirrored))
    for image, matrix, valid in zip(results['img'], results['lidar2img'], results['valid_shape'],
                                    strict=True):
        expected = matrix[:3, :3] @ (102.0, 42.0, 1.0)
        np.testing.assert_allclose(bright(image), expected[:2], atol=0.6)
        assert (np.sign(matrix[0, 0]) < 0) == mirrored
        assert valid.max() <= 160 and valid[0] / valid[1] == pytest.approx(160 / 90)
    assert len(set(results['valid_shape'][:, 0])) > 2  # each view by itself
    shrunk = results['valid_shape'][:, 0].argmin()
    np.testing.assert_allclose(results['img'][shrunk][-1, -1], np.round(MEAN_BGR), atol=1)


def test_warping_by_one_changes_nothing():
    image = np.random.default_rng(0).integers(0, 255, (6, 9, 3), dtype=np.uint8)
    np.testing.assert_array_equal(warped(image, np.eye(3), (6, 9)), image)


def test_settings_that_mean_nothing_are_refused():
    for wrong in (dict(size=(0, 5)), dict(size=(5, 5), scale=(1.1, 0.9))):
        with pytest.raises(ConfigError, match='size'):
            FitViews(**wrong)
