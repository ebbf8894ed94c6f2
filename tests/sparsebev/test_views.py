"""Projections, ages and missing images of a batch."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.errors import DataError
from sparsebev.views import views_of_batch


def test_ages_and_errors_of_views():
    matrices, seconds = np.tile(np.eye(4), (4, 1, 1)), np.array([10.0, 10.2, 9.5, 9.9])
    views = views_of_batch([dict(lidar2img=matrices, img_timestamp=seconds)], 2, (8, 8))
    assert views.age[0].tolist() == pytest.approx([0, 0.4])
    assert views.valid is None
    valid = np.array([True, True, True, False])
    seconds[3] = np.nan
    views = views_of_batch([dict(lidar2img=matrices, img_timestamp=seconds, image_valid=valid)], 2,
                           (8, 8))
    assert views.age[0].tolist() == pytest.approx([0, 0.5])
    with pytest.raises(DataError, match='not finite'):
        views_of_batch([dict(lidar2img=matrices, img_timestamp=seconds)], 2, (8, 8))
    with pytest.raises(DataError, match="no 'lidar2img'"):
        views_of_batch([dict(img_timestamp=seconds)], 2, (8, 8))
    with pytest.raises(DataError, match='3 frames'):
        views_of_batch([dict(lidar2img=matrices, img_timestamp=seconds)], 3, (8, 8))
