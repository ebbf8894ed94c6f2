import cv2
import numpy as np
import pytest
from mmdet3d.registry import TRANSFORMS

from sparse3d.errors import ConfigError
from sparse3d.transforms.camera_history import CameraImage


def sample(path, matrix):
    fields = dict(path=str(path), lidar2cam=np.eye(4), cam2img=matrix, timestamp=0.0)
    return dict(image_frames=[{'CAM_FRONT': CameraImage(**fields)}])


@pytest.mark.parametrize('size', [(90, 160), (91, 163)])
@pytest.mark.parametrize('reduce', [1, 2, 4])
def test_a_spot_is_where_the_matrix_puts_it(tmp_path, size, reduce):
    """The center of a bright spot, and the projection of what lies behind it."""
    matrix = np.array([[100.0, 0, 80, 0], [0, 100, 45, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    point = np.array([0.3, -0.12, 1.0, 1.0])
    u, v = (matrix @ point)[:2]
    rows, columns = np.mgrid[:size[0], :size[1]] + 0.5
    spot = 250 * np.exp(-((columns - u) ** 2 + (rows - v) ** 2) / (2 * 6 ** 2))
    path = tmp_path / 'spot.jpg'
    cv2.imwrite(str(path), np.repeat(spot[..., None], 3, -1).astype(np.uint8))
    results = TRANSFORMS.build(dict(type='LoadMultiViewImages', cameras=['CAM_FRONT'],
                                    reduce=reduce))(sample(path, matrix))
    image = results['img'][0][..., 0].astype(float)
    assert image.shape == tuple(-(-length // reduce) for length in size)
    image[image < 10] = 0
    rows, columns = np.mgrid[:image.shape[0], :image.shape[1]] + 0.5
    center = (columns * image).sum() / image.sum(), (rows * image).sum() / image.sum()
    np.testing.assert_allclose(center, (results['lidar2img'][0] @ point)[:2], atol=0.15)


def test_no_picture_and_wrong_option():
    load = TRANSFORMS.build(dict(type='LoadMultiViewImages', reduce=2))
    results = load(dict(image_frames=[{}], timestamp=1.0))
    assert results['img'][0].shape == (450, 800, 3) and not results['image_valid'].any()
    with pytest.raises(ConfigError, match='reduce is 1, 2, 4 or 8, not 3'):
        TRANSFORMS.build(dict(type='LoadMultiViewImages', reduce=3))
