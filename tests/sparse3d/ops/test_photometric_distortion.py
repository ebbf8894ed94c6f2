import colorsys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet3d.registry import MODELS

from sparse3d.ops.photometric_distortion import (
    PhotometricDraw,
    distort_photometrically,
    draw_photometric_distortion,
    from_hsv,
    to_hsv,
)

FIXTURE = Path(__file__).parents[2] / 'fixtures/sparsebev_data/augmentation.npz'


def nothing(count, **changed):
    values = dict(brightness=np.zeros(count), early_contrast=np.ones(count),
                  saturation=np.ones(count), hue=np.zeros(count), late_contrast=np.ones(count),
                  channels=np.tile(np.arange(3), (count, 1)))
    return PhotometricDraw(**{**values, **changed})


def test_the_published_code():
    stored = np.load(FIXTURE)
    draw = nothing(
        6, brightness=np.array([-2.842565546994443, 2.463735706267755, -27.38872746497526, 0,
                                1.7769468685293148, 0]),
        saturation=np.array([0.8308392493496919, 1.1743304229389548, 1.1940315754218798, 1,
                             0.7548940625051371, 1]),
        hue=np.array([0, 0, -1.7235373745634064, -17.103627808187472, 0, 1.7456370924970948]),
        late_contrast=np.array([1, 1, 1, 1, 0.9907658890910704, 1]),
        channels=np.array([[0, 1, 2], [2, 1, 0], [1, 2, 0], [0, 1, 2], [0, 1, 2], [0, 1, 2]]))
    found = distort_photometrically(torch.from_numpy(stored['photo_img']), draw, clip=False)
    np.testing.assert_allclose(found, stored['out_photo_out'], atol=2e-3)
    hsv = to_hsv(torch.from_numpy(stored['photo_img']))
    np.testing.assert_allclose(hsv, stored['out_rgb_to_hsv'], atol=1e-3)


def test_colors_by_the_standard_library():
    image = torch.rand(1, 3, 8, 9) * 255
    hsv = to_hsv(image)[0].permute(1, 2, 0).reshape(-1, 3).numpy()
    for (hue, saturation, value), rgb in zip(hsv, image[0].permute(1, 2, 0).reshape(-1, 3),
                                             strict=True):
        expected = colorsys.rgb_to_hsv(*(rgb / 255).tolist())
        assert (hue / 360, saturation, value / 255) == pytest.approx(expected, abs=1e-5)
    torch.testing.assert_close(from_hsv(to_hsv(image)), image, atol=1e-3, rtol=0)
    gray = torch.full((1, 3, 2, 2), 7.0)
    torch.testing.assert_close(from_hsv(to_hsv(gray)), gray)


def test_each_step_alone():
    image = torch.rand(1, 3, 4, 5) * 200 + 20
    one = distort_photometrically
    torch.testing.assert_close(one(image, nothing(1)), image, atol=1e-3, rtol=0)
    torch.testing.assert_close(one(image, nothing(1, brightness=np.array([5.0]))), image + 5,
                               atol=1e-3, rtol=0)
    for step in ('early_contrast', 'late_contrast'):
        torch.testing.assert_close(one(image, nothing(1, **{step: np.array([0.7])})),
                                   image * 0.7, atol=1e-3, rtol=0)
    mixed = one(image, nothing(1, channels=np.array([[1, 2, 0]])))  # red becomes green, ...
    torch.testing.assert_close(mixed.flip(1), image.flip(1)[:, [1, 2, 0]], atol=1e-3, rtol=0)
    round_trip = one(one(image, nothing(1, hue=np.array([100.0]))),
                     nothing(1, hue=np.array([-100.0])))
    torch.testing.assert_close(round_trip, image, atol=1e-2, rtol=0)
    pale = one(image, nothing(1, saturation=np.array([0.0])))
    torch.testing.assert_close(pale, image.max(1, keepdim=True).values.expand(-1, 3, -1, -1),
                               atol=1e-3, rtol=0)


def test_clipping():
    bright = torch.full((1, 3, 2, 2), 250.0)
    draw = nothing(1, brightness=np.array([30.0]))
    assert distort_photometrically(bright, draw).max() == 255
    assert distort_photometrically(bright, draw, clip=False).max() > 279


def test_draws():
    draw = draw_photometric_distortion(4000)
    changed = [(draw.brightness != 0), (draw.saturation != 1), (draw.hue != 0),
               (draw.early_contrast != 1) | (draw.late_contrast != 1)]
    assert all(0.45 < share.mean() < 0.55 for share in changed)
    assert not ((draw.early_contrast != 1) & (draw.late_contrast != 1)).any()
    assert np.abs(draw.brightness).max() <= 32 and np.abs(draw.hue).max() <= 18
    assert draw.saturation.min() >= 0.5 and draw.saturation.max() <= 1.5
    assert (np.sort(draw.channels, axis=1) == np.arange(3)).all()
    assert 0.5 < (draw.channels == np.arange(3)).all(axis=1).mean() < 0.66  # 1/2 + 1/2 * 1/6


def test_module():
    module = MODELS.build(dict(type='PhotometricDistortion'))
    images = torch.randint(0, 255, (6, 3, 8, 8), dtype=torch.uint8)
    assert not torch.equal(module(images), images.float())
    assert module(images[:0]).shape == (0, 3, 8, 8)
    assert module.eval()(images) is images
