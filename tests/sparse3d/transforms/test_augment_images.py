import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmdet3d.registry import TRANSFORMS

from grouped_arguments import grouped
from sparse3d.errors import ConfigError, DataError
from sparse3d.transforms import AugmentImages
from sparse3d.transforms.image_motion import ImageMotion

FIXTURE = Path(__file__).parents[2] / 'fixtures/sparsebev_data/augmentation.npz'


def build(**options):
    return TRANSFORMS.build(dict(type='AugmentImages', **grouped(AugmentImages, **options)))


def ramp(height, width):
    """An image that says in its first two channels where a pixel was, in half pixels."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([2 * columns, 2 * rows, rows * 0 + 100], axis=-1).astype(np.uint8)


motions = st.builds(
    lambda original, factors, corner, size, flip, angle: ImageMotion(
        original, tuple(max(round(n * f), 8) for n, f in zip(original, factors, strict=True)),
        corner, size, flip, angle),
    original=st.tuples(st.integers(60, 120), st.integers(60, 120)),
    factors=st.tuples(st.floats(0.5, 1.5), st.floats(0.5, 1.5)),
    corner=st.tuples(st.integers(-10, 30), st.integers(-10, 30)),
    size=st.tuples(st.integers(20, 60), st.integers(20, 80)),
    flip=st.booleans(), angle=st.sampled_from([0.0, 0.0, 0.1, -0.3, 1.2]))


@settings(max_examples=80, deadline=None)
@given(motions)
def test_pixels_are_where_the_matrix_says(motion):
    """Each pixel of the result shows the place of the original that the matrix names."""
    image = ramp(*motion.original)
    result = motion.apply(image, 'bilinear')
    assert result.shape[:2] == motion.output_size and result.dtype == np.uint8
    rows, columns = np.mgrid[:result.shape[0], :result.shape[1]] + 0.5
    new = np.stack([columns, rows, rows * 0 + 1], axis=-1)
    old = new @ np.linalg.inv(motion.matrix()).T
    margin = 3 * max(1, motion.original[0] / motion.resized[0],
                     motion.original[1] / motion.resized[1])
    inside = ((old[..., :2] > margin)
              & (old[..., :2] < np.array(motion.original[::-1]) - margin)).all(-1)
    if motion.angle:  # pixels next to what the crop left out are mixed with the filling
        unturned = new @ np.linalg.inv(_turn(motion)).T
        limits = np.array(motion.output_size[::-1])
        inside &= ((unturned[..., :2] > 2) & (unturned[..., :2] < limits - 2)).all(-1)
    shown = result[inside][:, :2] / 2 + 0.5
    # gray values are rounded when resizing and cut off when turning: half a pixel each at most
    assert np.abs(shown - old[inside][:, :2]).max(initial=0) < 0.85


def _turn(motion):
    alone = ImageMotion(motion.output_size, motion.output_size, angle=motion.angle)
    return alone.matrix()


@pytest.mark.parametrize('case, motion', [
    (0, ImageMotion((90, 160), (45, 80), (13, 6), (32, 64))),
    (1, ImageMotion((90, 160), (45, 80), (13, 6), (32, 64), True)),
    (2, ImageMotion((90, 160), (38, 68), (6, 2), (32, 64), True, math.radians(5.4)))])
def test_the_published_code(case, motion):
    stored = np.load(FIXTURE)
    found = motion.apply(stored['ida_img'], turning='nearest')
    different = (found != stored[f'out_ida_img{case}']).any(axis=-1)
    # the published picture is rounded between resizing and cropping; single gray values differ
    assert np.abs(found.astype(int) - stored[f'out_ida_img{case}'])[different].max(initial=0) <= 1
    assert different.mean() < 0.01
    matrix = stored[f'out_ida_mat{case}']
    np.testing.assert_allclose(motion.matrix(0.43 if case == 2 else 0.5)[:2],
                               matrix[:2, :3], atol=1e-4)


@pytest.mark.parametrize('size, factor, resized, corner', [
    ((256, 704), 0.44, (396, 704), (140, 0)), ((512, 1408), 0.88, (792, 1408), (280, 0)),
    ((640, 1600), 1.0, (900, 1600), (260, 0))])
def test_published_test_sizes(size, factor, resized, corner):
    motion, found = build(size=size, training=False)._draw((900, 1600))
    assert found == pytest.approx(factor)
    assert (motion.resized, motion.corner) == (resized, corner)


def test_published_training_draws():
    np.random.seed(0)
    transform = build(size=(256, 704), resize=(0.38, 0.55), flip=0.5)
    motion, factor = transform._draw((900, 1600))
    assert factor == pytest.approx(0.47329829566764525)
    assert motion.resized == (425, 757) and motion.corner[0] == 169


def sample(views=6, height=90, width=160):
    matrices = np.tile(np.eye(4), (views, 1, 1))
    matrices[:, :2, 2] = width / 2, height / 2
    return dict(img=[ramp(height, width) for _ in range(views)], lidar2img=matrices,
                cam2img=matrices[:, :3, :3].copy())


def test_one_draw_for_all_or_one_for_each():
    np.random.seed(0)
    options = dict(size=(40, 70), resize=(0.5, 0.9), flip=0.5, angle=(-0.1, 0.1))
    together = build(**options)(sample())
    assert len(np.unique(together['lidar2img'], axis=0)) == 1
    separately = build(**options, separately=True)(sample())
    assert len(np.unique(separately['lidar2img'], axis=0)) == 6
    for result in (together, separately):
        assert all(image.shape == (40, 70, 3) for image in result['img'])
        assert result['img_shape'] == (40, 70)
        undone = np.linalg.inv(result['img_aug_matrix']) @ result['lidar2img']
        np.testing.assert_allclose(undone, sample()['lidar2img'], atol=1e-9)
        np.testing.assert_allclose(result['cam2img'], result['lidar2img'][:, :3, :3])


def test_earlier_frames_that_have_no_images_of_their_own():
    results = dict(sample(), num_views=6, num_frames=3)
    results['lidar2img'] = np.tile(results['lidar2img'], (3, 1, 1))
    results['cam2img'] = np.tile(results['cam2img'], (3, 1, 1))
    moved = build(size=(32, 64), resize=(0.4, 0.8))(results)
    assert len(moved['img']) == 6 and moved['img_aug_matrix'].shape == (18, 4, 4)
    assert len(np.unique(moved['lidar2img'], axis=0)) == 1


def test_cameras_of_different_sizes():
    results = sample()
    results['img'][3] = ramp(60, 160)
    np.random.seed(0)
    results = build(size=(32, 64), resize=(0.4, 0.8), flip=1.0)(results)
    assert results['img'][3].shape == (32, 64, 3)
    across = results['img_aug_matrix'][:, 0, 0]
    assert across[3] == pytest.approx(across[0], rel=0.02)


def test_the_published_matrix_is_off_by_the_rounding():
    np.random.seed(3)
    exact = build(size=(32, 64), resize=(0.43, 0.43))(sample())
    published = build(size=(32, 64), resize=(0.43, 0.43), published_resize_matrix=True)(sample())
    assert published['img_aug_matrix'][0, 0, 0] == pytest.approx(0.43)
    assert exact['img_aug_matrix'][0, 0, 0] == 68 / 160


def test_outside_of_the_image_is_black():
    results = build(size=(30, 200), training=False, resize=(1, 1))(sample())
    assert results['img'][0].shape == (30, 200, 3)
    small = build(size=(90, 200), resize=(0.5, 0.5))(sample())['img'][0]
    assert (small[:45] == 0).all() and (small[:, 80:] == 0).all() and small[60, 20].any()


def test_no_images():
    results = build(size=(32, 64))(dict(img=[], lidar2img=np.zeros((0, 4, 4))))
    assert results['img'] == [] and results['lidar2img'].shape == (0, 4, 4)


def test_wrong_options():
    for options, message in [(dict(size=(0, 4)), 'have to be positive'),
                             (dict(size=(4, 4), resize=(2, 1)), 'resize goes from 2 to 1'),
                             (dict(size=(4, 4), interpolation='sinc'), "not 'sinc'")]:
        with pytest.raises(ConfigError, match=message):
            build(**options)
    results = sample()
    results['lidar2img'] = results['lidar2img'][:5]
    with pytest.raises(DataError, match='6 images but 5 matrices in lidar2img'):
        build(size=(32, 64))(results)
