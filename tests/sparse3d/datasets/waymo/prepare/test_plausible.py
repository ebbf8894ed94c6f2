"""Boxes that no car can have are refused when the records are read."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.datasets.waymo.prepare.plausible import plausible_boxes
from sparse3d.errors import DataError

BOX = np.array([[10, 2, 1, 4.5, 2, 1.6, 3.1]])


@pytest.mark.parametrize(('column', 'value', 'said'), [
    (3, -4, 'size of -4 x 2 x 1.6'), (5, 0, 'no meters'), (3, 4500, 'no meters'),
    (0, 21_000, 'not of the map'), (6, 90, 'in degrees'), (0, np.nan, 'cannot be')])
def test_one_number_that_cannot_be(column, value, said):
    boxes = np.tile(BOX, (2, 1))
    assert plausible_boxes(boxes, 'a.tfrecord') is boxes
    boxes[1, column] = value
    with pytest.raises(DataError, match=said) as caught:
        plausible_boxes(boxes, 'a.tfrecord')
    assert str(caught.value).startswith('a.tfrecord: ')


def test_no_boxes():
    assert len(plausible_boxes(np.zeros((0, 7)), 'a.tfrecord')) == 0
