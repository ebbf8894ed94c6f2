"""Rotation matrices of quaternions, against pyquaternion."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.structures.quaternions import rotation_matrices

Quaternion = pytest.importorskip('pyquaternion').Quaternion


def test_as_pyquaternion():
    values = np.random.default_rng(0).normal(size=(5, 40, 4))
    found = rotation_matrices(values)
    for place in np.ndindex(5, 40):
        assert np.allclose(found[place], Quaternion(values[place]).rotation_matrix, atol=1e-15)
    assert np.allclose(found @ np.swapaxes(found, -1, -2), np.eye(3), atol=1e-14)


def test_no_length_and_other_numbers():
    assert not rotation_matrices([0, 0, 0, 0]).any()
    assert np.array_equal(rotation_matrices([-2, 0, 0, 0]), np.eye(3))
    assert rotation_matrices(np.zeros((0, 4))).shape == (0, 3, 3)
    for wrong in (1.0, [1.0, 0, 0], np.eye(3)):
        with pytest.raises(ValueError, match='4 numbers'):
            rotation_matrices(wrong)
