"""Transform that reads the image of KITTI's left color camera."""
from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS

from sparse3d.errors import ConfigError, DataError
from sparse3d.transforms.given_arrays import given_images
from sparse3d.transforms.image_files import decode_image
from sparse3d.transforms.point_files import read_bytes

CAMERA = 'CAM2'


@TRANSFORMS.register_module()
class LoadKittiImage(BaseTransform):
    """Read the image of camera 2, in the form in which several cameras come.

    Needs ``images`` of ``KittiDetectionDataset`` with ``use_camera``, or the image itself
    (:func:`~sparse3d.transforms.given_arrays.given_images`); adds ``img`` (a list of one
    (H, W, 3) uint8, BGR), ``lidar2img``, ``lidar2cam``, ``cam2img`` (1, 4, 4) float64,
    ``view_names``, ``num_views``, ``img_path`` and ``ori_shape``, ``img_shape``,
    ``pad_shape`` (H, W). Images of KITTI differ in size from frame to frame.

    Raises:
        ConfigError: if the dataset does not give images.
        DataError: if the file is missing, damaged or of another size than when the info file
            was made.
    """

    image_cameras = (CAMERA,)

    def transform(self, results: dict) -> dict:
        """Add the image and its matrices to the sample."""
        given = given_images(results, self.image_cameras)
        if given is not None:
            results.update(given)
            return results
        view = results.get('images', {}).get(CAMERA)
        if view is None:
            raise ConfigError('the sample has no images: set modality=dict(use_lidar=True, '
                              'use_camera=True) of the dataset')
        path = view['img_path']
        image = decode_image(read_bytes(path), path)
        expected = view.get('height'), view.get('width')
        if None not in expected and image.shape[:2] != expected:
            raise DataError(f'{path} is {image.shape[1]}x{image.shape[0]} pixels, its info file '
                            f'says {expected[1]}x{expected[0]}; restore the image')
        matrices = {key: np.asarray(view[key], dtype=np.float64)[None]
                    for key in ('lidar2cam', 'cam2img')}
        results.update(
            matrices, img=[image], lidar2img=matrices['cam2img'] @ matrices['lidar2cam'],
            view_names=[CAMERA], num_views=1, img_path=[path], ori_shape=image.shape[:2],
            img_shape=image.shape[:2], pad_shape=image.shape[:2])
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'
