"""The cameras of a batch: where a point lies in each image, and which images are missing."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sparse3d.errors import DataError
from sparse3d.structures.projection import NEAR, image_coordinates, pixels_and_depth


@dataclass(frozen=True)
class Cameras:
    """V images for each of B samples; of several frames frame by frame, newest first.

    An image is missing where ``valid`` is False, and nowhere else: its pixels, its matrix and its
    time are never used. Its matrix is finite all the same.

    Attributes:
        lidar2img: [B, V, 4, 4] from the LiDAR frame of now, after every augmentation of the
            scene, to pixels of the network's image, after every augmentation of the images.
        sizes: [B, V, 2] height and width in pixels of what is a picture, from the upper left
            corner; the rest of the network's image is padding.
        image_size: height and width of the network's image.
        valid: [B, V] bool.
        complete: whether no image is missing; known without asking the device.
        times: [B, V] seconds as float64, on the host; None where unknown.
        names: of the cameras of each sample, where they are known.
    """

    lidar2img: Tensor
    sizes: Tensor
    image_size: tuple[int, int]
    valid: Tensor
    complete: bool = False
    times: np.ndarray | None = None
    names: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def of_batch(cls, metas: Sequence[Mapping[str, Any]], image_size: tuple[int, int],
                 views: int | None = None, frames: int = 1) -> Cameras:
        """Read the cameras of a batch from the metas of its samples, in float64 on the host.

        Args:
            metas: of each sample ``lidar2img`` (V, 4, 4) or, of one camera, (4, 4); and where
                it is there ``image_valid`` (V,), ``valid_shape`` (V, 2: width, height) or
                ``img_shape`` ((height, width) or one for each image), ``img_timestamp`` (V,) in
                seconds, ``view_names``. Samples may have different numbers of cameras: what a
                sample lacks is missing.
            image_size: height and width of the padded images.
            views: number V of images that the batch has; by default that of the matrices.
            frames: of each sample; every camera has one image in each.

        Raises:
            DataError: if an entry is missing or misshapen, or the matrix of an image that is
                there cannot be one.
        """
        samples = [_Sample.of(meta, image_size, frames) for meta in metas]
        count = max((len(sample.lidar2img) for sample in samples), default=0)
        if views is not None and views != count:
            raise DataError(f"a sample has {views} images and 'lidar2img' for {count}; one "
                            f'4 x 4 matrix for each image is needed')
        samples = [sample.filled_up(count, frames) for sample in samples]
        matrices, sizes, valid, times = (
            np.stack([getattr(sample, name) for sample in samples])
            for name in ('lidar2img', 'sizes', 'valid', 'times'))
        return cls(torch.from_numpy(matrices), torch.from_numpy(sizes),
                   (image_size[0], image_size[1]), torch.from_numpy(valid), bool(valid.all()),
                   times if all('img_timestamp' in meta for meta in metas) else None,
                   tuple(tuple(meta.get('view_names') or ()) for meta in metas))

    @classmethod
    def of_matrices(cls, lidar2img: Tensor, image_size: tuple[int, int]) -> Cameras:
        """Cameras [B, V, 4, 4] whose images are all there and all picture."""
        sizes = lidar2img.new_tensor(image_size).expand(*lidar2img.shape[:2], 2)
        valid = torch.ones(lidar2img.shape[:2], dtype=torch.bool, device=lidar2img.device)
        return cls(lidar2img, sizes, (image_size[0], image_size[1]), valid, complete=True)

    @property
    def views(self) -> int:
        """Number V of images of a sample."""
        return self.valid.shape[1]

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> Cameras:
        """The same on a device, matrices and sizes in another precision."""
        return replace(self, lidar2img=self.lidar2img.to(dtype or self.lidar2img.dtype).to(device),
                       sizes=self.sizes.to(dtype or self.sizes.dtype).to(device),
                       valid=self.valid.to(device))

    def project(self, points: Tensor, near: float = NEAR) -> tuple[Tensor, Tensor]:
        """Pixels [B, V, P, 2] and depths [B, V, P] in meters of points [B, P, 3] in each image.

        In the precision of the points, float32 at least. A point beside or behind a camera gets
        a pixel far outside; ask the depth as well.
        """
        return project_into_views(points, self.lidar2img, near)

    def without_missing(self, images: Tensor) -> Tensor:
        """Images [B, V, C, H, W] with zeros where one is missing: whatever stands there (NaN)
        must reach neither predictions nor gradients of weights."""
        if self.complete:
            return images
        return images.masked_fill(~self.valid[..., None, None, None], 0)

    def with_valid(self, valid: Tensor) -> Cameras:
        """The same cameras with the images that [B, V] says."""
        return replace(self, valid=valid, complete=False)

    def of_sample(self, sample: int) -> Cameras:
        """The cameras of one sample, as a batch of one."""
        one = slice(sample, sample + 1)
        return replace(self, lidar2img=self.lidar2img[one], sizes=self.sizes[one],
                       valid=self.valid[one], names=self.names[one],
                       times=None if self.times is None else self.times[one])

    def moved(self, motions: Tensor) -> Cameras:
        """The cameras as seen from moved copies of each sample, [B * M, V, ...].

        Args:
            motions: [M, 4, 4] that moved the points; copies of a sample follow each other.
        """
        back = torch.linalg.inv(motions).to(self.lidar2img)
        count = len(motions)
        return replace(
            self, lidar2img=(self.lidar2img[:, None] @ back[None, :, None]).flatten(0, 1),
            sizes=self.sizes.repeat_interleave(count, 0),
            valid=self.valid.repeat_interleave(count, 0),
            times=None if self.times is None else self.times.repeat(count, 0),
            names=tuple(names for names in self.names for _ in range(count)))


def project_into_views(points: Tensor, lidar2img: Tensor,
                       near: float = NEAR) -> tuple[Tensor, Tensor]:
    """Pixels [..., V, P, 2] and depths [..., V, P] of points [..., P, 3] in V images.

    Args:
        lidar2img: [..., V, 3 or 4, 4].
        near: see :func:`~sparse3d.structures.projection.pixels_and_depth`.
    """
    dtype = torch.promote_types(points.dtype, torch.float32)
    rows = lidar2img[..., :3, :].to(dtype).flatten(-3, -2)                # [..., V * 3, 4]
    coordinates = image_coordinates(points.to(dtype), rows)               # [..., P, V * 3]
    coordinates = coordinates.unflatten(-1, (-1, 3)).transpose(-3, -2)    # [..., V, P, 3]
    return pixels_and_depth(coordinates, near)


@dataclass(frozen=True)
class _Sample:
    """Entries of one sample, checked."""

    lidar2img: np.ndarray  # [V, 4, 4]
    sizes: np.ndarray      # [V, 2]
    valid: np.ndarray      # [V]
    times: np.ndarray      # [V]

    @classmethod
    def of(cls, meta: Mapping[str, Any], image_size: tuple[int, int], frames: int) -> _Sample:
        matrices = _matrices(meta)
        count = len(matrices)
        if count % frames:
            raise DataError(f'{frames} frames need as many lidar2img (4, 4) and img_timestamp for '
                            f'each, not {matrices.shape}')
        given = meta.get('image_valid')
        valid = np.ones(count, bool) if given is None else _of_images(
            given, 'image_valid', (count, ), bool)
        times = np.full(count, np.nan)
        if 'img_timestamp' in meta:
            times = _of_images(meta['img_timestamp'], 'img_timestamp', (count, ), np.float64)
        can_be = np.isfinite(matrices).all((1, 2))
        can_be[can_be] = np.linalg.det(matrices[can_be]) != 0
        if not can_be[valid].all():
            wrong = int(np.flatnonzero(valid & ~can_be)[0])
            raise DataError(f'lidar2img of image {wrong} of a sample is not finite or has no '
                            f'inverse; mend the calibration, or say False for it in image_valid')
        matrices = np.where(can_be[:, None, None], matrices, np.eye(4))
        return cls(matrices, _sizes(meta, count, image_size), valid, times)

    def filled_up(self, count: int, frames: int) -> _Sample:
        """With missing images at the end of every frame, ``count`` in all."""
        lacking = count // frames - len(self.valid) // frames
        if not lacking:
            return self

        def more(part: np.ndarray, filling: Any) -> np.ndarray:
            of_frames = part.reshape(frames, -1, *part.shape[1:])
            added = np.broadcast_to(filling, (frames, lacking, *part.shape[1:]))
            return np.concatenate([of_frames, added.astype(part.dtype)], 1).reshape(
                count, *part.shape[1:])
        return _Sample(more(self.lidar2img, np.eye(4)), more(self.sizes, self.sizes[:1]),
                       more(self.valid, False),
                       more(self.times, self.times.reshape(frames, -1).mean(1)[:, None]))


def _matrices(meta: Mapping[str, Any]) -> np.ndarray:
    if meta.get('lidar2img') is None:
        raise DataError("a sample with images has no 'lidar2img'; add it to meta_keys of the "
                        f'packing transform (it has {", ".join(sorted(meta)) or "nothing"})')
    matrices = np.array(_numpy(meta['lidar2img']), np.float64)
    matrices = matrices[None] if matrices.ndim == 2 else matrices
    if matrices.shape[1:] != (4, 4):
        raise DataError(f"'lidar2img' of a sample has the shape {matrices.shape}; one 4 x 4 "
                        f'matrix for each image is needed')
    return matrices


def _sizes(meta: Mapping[str, Any], count: int, image_size: tuple[int, int]) -> np.ndarray:
    """Height and width [V, 2] of what is a picture."""
    if meta.get('valid_shape') is not None:  # width, height
        return _of_images(meta['valid_shape'], 'valid_shape', (count, 2), np.float64)[:, ::-1]
    shapes = np.array(_numpy(meta.get('img_shape', image_size)), np.float64)
    if shapes.ndim == 1:
        shapes = np.tile(shapes[:2], (count, 1))
    return _of_images(shapes[:, :2], 'img_shape', (count, 2), np.float64)


def _of_images(value: Any, name: str, shape: tuple[int, ...], kind: type) -> np.ndarray:
    array: np.ndarray = np.array(_numpy(value), kind)
    if len(shape) == 1:
        array = array.reshape(-1)
    if array.shape != shape:
        raise DataError(f'{name} of a sample has the shape {array.shape}; its {shape[0]} '
                        f'lidar2img need {shape}')
    return array


def _numpy(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach().cpu().numpy()
    if isinstance(value, list | tuple) and value and isinstance(value[0], Tensor):
        return np.stack([item.detach().cpu().numpy() for item in value])
    return value
