"""Transform that reads the pictures of a sample: all cameras, all frames."""
from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS

from sparse3d.errors import ConfigError, DataError
from sparse3d.transforms.camera_history import CameraImage
from sparse3d.transforms.given_arrays import given_images
from sparse3d.transforms.image_files import REDUCED, decode_image
from sparse3d.transforms.jpeg_decoders import require_decoder
from sparse3d.transforms.point_files import read_bytes

CAMERAS = ('CAM_FRONT', 'CAM_FRONT_RIGHT', 'CAM_FRONT_LEFT', 'CAM_BACK', 'CAM_BACK_LEFT',
           'CAM_BACK_RIGHT')
PIXELS = ('all', 'newest')
# A camera that is not there: every point lies 1 m behind it, whatever is done to the matrix.
NO_VIEW = np.array([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, -1], [0, 0, 0, 1]])


@TRANSFORMS.register_module()
class LoadMultiViewImages(BaseTransform):
    """Read the images of all cameras and frames, frame by frame, the newest (now) first.

    Needs ``image_frames``: for each frame a dict from camera to :class:`CameraImage`, as
    :class:`~sparse3d.datasets.nuscenes.dataset.NuScenesDetectionDataset` gives it, or images
    themselves (:func:`~sparse3d.transforms.given_arrays.given_images`). With T frames
    and V cameras there are N = T * V images, number ``frame * V + camera``. Adds

    - ``img``: list of N (H, W, 3) uint8, BGR.
    - ``lidar2img``, ``lidar2cam``, ``cam2img``: (N, 4, 4) float64; points of the LiDAR frame
      of *now* (at the key frame) to pixels (u * depth, v * depth, depth, 1) of each image,
      through the poses of car and camera at the image's own time.
    - ``img_timestamp``: (N,) float64, seconds; each camera has its own.
    - ``image_valid``: (N,) bool; False where there is no picture. Its image is black, its
      ``lidar2cam`` and ``lidar2img`` put every point behind the camera.
    - ``img_path``: list of N file names, '' where there is none.
    - ``view_names``: list of N cameras; ``num_views`` V; ``num_frames`` T.
    - ``ori_shape``, ``img_shape``, ``pad_shape``: (H, W) of the first image that there is.

    Args:
        cameras: which, in this order.
        pixels: ``'newest'`` reads the images of frame 0 alone (``img`` has V entries, all
            else N): for detectors that keep the features of earlier frames.
        missing_files: ``'error'``, or ``'mask'`` to treat an absent file as an absent camera.
        image_size: height and width of the black images if there is no picture at all.
        reduce: decode JPEG files at 1/1, 1/2, 1/4 or 1/8 of their size, which is quicker than
            to decode and shrink them; ``cam2img`` and ``lidar2img`` belong to the reduced
            images. For what shrinks them by more than that anyway.
        decoder: ``'opencv'``, or ``'turbojpeg'``: the same pixels, for an OpenCV that was built
            without libjpeg-turbo; it needs the extra of that name and the library libturbojpeg.

    Raises:
        ConfigError: for another option.
        BackendUnavailable: for a decoder that is not installed.
        DataError: for an absent or damaged file, named.

    Source: frame and camera order of SparseBEV (ICCV 2023).
    """

    def __init__(self, cameras: Sequence[str] = CAMERAS, pixels: str = 'all',
                 missing_files: str = 'error', image_size: tuple[int, int] = (900, 1600),
                 reduce: int = 1, decoder: str = 'opencv') -> None:
        if pixels not in PIXELS or missing_files not in ('error', 'mask'):
            raise ConfigError(f'pixels is one of {PIXELS} and missing_files "error" or "mask", '
                              f'not {pixels!r} and {missing_files!r}')
        if reduce not in REDUCED:
            raise ConfigError(f'reduce is 1, 2, 4 or 8, not {reduce}')
        require_decoder(decoder)
        self.cameras, self.pixels, self.reduce = tuple(cameras), pixels, reduce
        self.decoder = decoder
        self.image_cameras = self.cameras
        self.missing_files, self.image_size = missing_files, tuple(image_size)

    def transform(self, results: dict) -> dict:
        """Read the images of one sample."""
        given = given_images(results, self.cameras)
        if given is not None:
            results.update(given)
            if self.pixels == 'newest':
                results['img'] = results['img'][:len(self.cameras)]
            return results
        if 'image_frames' not in results:
            raise DataError('the data set gives no image_frames to read images of; set its '
                            'modality=dict(use_camera=True)')
        frames = results['image_frames']
        views = [frame.get(camera) for frame in frames for camera in self.cameras]
        pixel_count = len(views) if self.pixels == 'all' else len(self.cameras)
        images = [self._read(view) for view in views[:pixel_count]]
        valid = [view is not None for view in views]
        valid[:pixel_count] = [image is not None for image in images]
        nothing = tuple(-(-length // self.reduce) for length in self.image_size)
        shape = next((image.shape[:2] for image in images if image is not None), nothing)
        results['img'] = [np.zeros((*shape, 3), np.uint8) if image is None else image
                          for image in images]
        results.update(self._matrices(views, valid))
        results['img_timestamp'] = _times(frames, views, results)
        results['image_valid'] = np.array(valid, dtype=bool)
        results['img_path'] = [view.path if view else '' for view in views]
        results['view_names'] = list(self.cameras) * len(frames)
        results.update(num_views=len(self.cameras), num_frames=len(frames), ori_shape=shape,
                       img_shape=shape, pad_shape=shape)
        return results

    def _read(self, view: CameraImage | None) -> np.ndarray | None:
        if view is None:
            return None
        try:
            content = read_bytes(view.path)
        except DataError as error:
            if self.missing_files == 'mask' and isinstance(error.__cause__, FileNotFoundError):
                return None
            raise
        return decode_image(content, view.path, self.reduce, self.decoder)

    def _matrices(self, views: list[CameraImage | None],
                  valid: list[bool]) -> dict[str, np.ndarray]:
        lidar2cam = [view.lidar2cam if there else NO_VIEW
                     for view, there in zip(views, valid, strict=True)]
        cam2img = [view.cam2img if view else np.eye(4) for view in views]
        lidar2cam, cam2img = (np.array(item).reshape(-1, 4, 4) for item in (lidar2cam, cam2img))
        cam2img[:, :2] /= self.reduce
        return dict(lidar2cam=lidar2cam, cam2img=cam2img, lidar2img=cam2img @ lidar2cam)

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(cameras={self.cameras}, pixels={self.pixels!r}, '
                f'missing_files={self.missing_files!r})')


def _times(frames: Sequence[Mapping], views: list[CameraImage | None],
           results: Mapping) -> np.ndarray:
    """Time of each image; an absent one has the mean time of its frame."""
    times = np.array([view.timestamp if view else np.nan for view in views], dtype=np.float64)
    by_frame = times.reshape(len(frames), -1)
    for row in by_frame:
        known = row[~np.isnan(row)]
        row[np.isnan(row)] = known.mean() if len(known) else results.get('timestamp', 0.0)
    return by_frame.ravel()
