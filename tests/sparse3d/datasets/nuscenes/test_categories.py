"""Classes, categories and attributes of nuScenes."""
from __future__ import annotations

import pytest

from sparse3d.datasets.nuscenes.categories import ATTRIBUTES, CLASS_OF_CATEGORY, CLASSES
from sparse3d.datasets.nuscenes.simulate.tables import _fixed_tables


def test_as_the_devkit_names_them():
    utils = pytest.importorskip('nuscenes.eval.detection.utils')
    from nuscenes.eval.detection.constants import ATTRIBUTE_NAMES, DETECTION_NAMES
    categories = [row['name'] for row in _fixed_tables()['category']]
    assert set(CLASS_OF_CATEGORY) < set(categories)
    for name in categories:
        assert CLASS_OF_CATEGORY.get(name) == utils.category_to_detection_name(name), name
    assert set(CLASSES) == set(DETECTION_NAMES) == set(CLASS_OF_CATEGORY.values())
    assert set(ATTRIBUTES) == set(ATTRIBUTE_NAMES)
