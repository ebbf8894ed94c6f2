"""Pixels of a motion, with and without compiled kernels."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.ops import image_resize
from sparse3d.transforms.image_motion import INTERPOLATIONS, ImageMotion

IMAGE = np.random.default_rng(0).integers(0, 256, (90, 160, 3)).astype(np.uint8)
MOTIONS = [
    ImageMotion((90, 160), (42, 74), (10, 5), (32, 64)),
    ImageMotion((90, 160), (42, 74), (10, 20), (64, 96), flip=True),       # reaches outside
    ImageMotion((90, 160), (120, 200), (30, 11), (64, 96), angle=0.2),
    ImageMotion((90, 160), (90, 160), (3, 4), (32, 64))]


@pytest.mark.parametrize('interpolation', INTERPOLATIONS)
@pytest.mark.parametrize('motion', MOTIONS)
def test_kernels_change_no_pixel(motion, interpolation, monkeypatch):
    found = motion.apply(IMAGE, interpolation)
    monkeypatch.setattr(image_resize, 'library', lambda: None)
    assert np.array_equal(found, motion.apply(IMAGE, interpolation))
    assert found.shape == (*motion.size, 3) and found.any()
