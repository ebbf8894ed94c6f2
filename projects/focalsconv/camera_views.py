"""What the cameras of a batch saw, and where each voxel of it lies in their images."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from mmdet3d.structures import Det3DDataSample
from torch import Tensor

from focalsconv.published import FocalsConvPublished
from sparse3d.errors import ConfigError
from sparse3d.structures.cameras import Cameras
from sparse3d.structures.projection import image_coordinates, pixels_and_depth


@dataclass(frozen=True)
class CameraViews:
    """What the images of a batch show: B samples with N cameras each."""

    cameras: Cameras                        # in float64
    rectified_depth: Tensor                 # [B, N] float64, depth of the image plane's origin
    features: Tensor | None = None          # [B, N, C, h, w], covering the padded images
    flipped: Tensor | None = None           # [B, 2] bool, the voxel grid mirrored along x, y

    def with_features(self, features: Tensor) -> CameraViews:
        return replace(self, features=features)


@dataclass(frozen=True)
class ProjectionOptions:
    """Which pixel a voxel reads.

    Attributes:
        minimum_depth: meters, one or one per camera.
        published: what the released code does otherwise.
    """

    minimum_depth: float | Sequence[float] = 0.0
    published: FocalsConvPublished = FocalsConvPublished()

    def __post_init__(self) -> None:
        object.__setattr__(self, 'published', FocalsConvPublished.of(self.published))


def camera_views(data_samples: list[Det3DDataSample], images: Tensor) -> CameraViews:
    """Read the cameras of a batch from its samples.

    Args:
        data_samples: whose metainfo has what :meth:`Cameras.of_batch` reads and may have
            ``cam2img`` and ``grid_flip`` (bool along x, y).
        images: [B, N, 3, H, W].

    Raises:
        DataError: if a sample does not say where its cameras stand.
    """
    count = images.shape[1]
    padded = (int(images.shape[-2]), int(images.shape[-1]))
    cameras = Cameras.of_batch([sample.metainfo for sample in data_samples], padded, count)
    depths = np.stack([_rectified_depth(sample, count) for sample in data_samples])
    flips = [sample.metainfo.get('grid_flip') for sample in data_samples]
    flipped = None
    if any(flip is not None for flip in flips):
        flipped = torch.tensor([flip or (False, False) for flip in flips], device=images.device)
    return CameraViews(cameras.to(images.device), torch.as_tensor(depths, device=images.device),
                       flipped=flipped)


def pixels_of_voxels(
        coordinates: Tensor,        # [M, 4] int32 (sample, z, y, x)
        stride: int,
        voxel_size: Tensor,         # [3] meters x, y, z
        range_minimum: Tensor,      # [3] meters
        views: CameraViews,
        options: ProjectionOptions,
) -> tuple[Tensor, Tensor]:         # [M, N, 2] float32 (u, v), [M, N] float32 meters
    """Project voxels into all cameras of their samples.

    One matrix per camera takes voxel indices to pixels; it is multiplied up in float64, so that
    float32 arithmetic on exact integers is left.
    """
    indices = coordinates.flip(1)[:, :3].float()
    sample = coordinates[:, 0].long()
    to_image = views.cameras.lidar2img[:, :, :3].clone()  # [B, N, 3, 4]
    if options.published.depth:
        to_image[:, :, 2, 3] -= views.rectified_depth
    start = torch.zeros(len(to_image), 3, dtype=torch.float64, device=indices.device)
    start += 0 if options.published.corners else 0.5
    if views.flipped is not None and options.published.corners:
        start[:, :2] += views.flipped.double()  # the corner of a mirrored grid is another one
    scale = stride * voxel_size.double()
    offset = range_minimum.double() + start * scale                # [B, 3]
    linear = (to_image[..., :3] * scale).float()                   # [B, N, 3, 3]
    shift = (to_image[..., :3] @ offset[:, None, :, None])[..., 0] + to_image[..., 3]  # [B, N, 3]
    rows = torch.cat([linear, shift.float().unsqueeze(-1)], -1)    # [B, N, 3, 4]
    seen_from = [image_coordinates(indices.unsqueeze(1), rows[:, camera][sample]).squeeze(1)
                 for camera in range(rows.shape[1])]
    seen_from = torch.stack(seen_from, 1)                          # [M, N, 3]
    pixels, _ = pixels_and_depth(
        seen_from * torch.where(seen_from[..., 2:] < 0, -1, 1)     # the mirror image of behind
        if options.published.behind_camera else seen_from)
    return pixels, seen_from[..., 2]


def read_views(
        coordinates: Tensor,        # [M, 4] int32 (sample, z, y, x)
        stride: int,
        voxel_size: Tensor,         # [3] meters x, y, z
        range_minimum: Tensor,      # [3] meters
        views: CameraViews,
        options: ProjectionOptions,
) -> Tensor:                        # [M, C]
    """Sum of the image features that each voxel has in the cameras that see it, else zero.

    The feature map is enlarged to the image bilinearly, at the pixels that are read.
    """
    pixels, depth = pixels_of_voxels(coordinates, stride, voxel_size, range_minimum, views,
                                     options)
    columns, rows, seen = visible_pixels(pixels, depth, coordinates[:, 0].long(), views, options)
    voxel, camera = seen.nonzero(as_tuple=True)
    features = views.features
    image = coordinates[voxel, 0].long() * features.shape[1] + camera
    values = _enlarged(features.flatten(0, 1), image, columns[voxel, camera], rows[voxel, camera],
                       views.cameras.image_size)
    total = values.new_zeros(len(coordinates), features.shape[2])
    return total.index_add(0, voxel, values)


def visible_pixels(pixels: Tensor, depth: Tensor, sample: Tensor, views: CameraViews,
                   options: ProjectionOptions) -> tuple[Tensor, Tensor, Tensor]:
    """Whole pixels and which of them are there to be read.

    Args:
        pixels: [M, N, 2]. depth: [M, N]. sample: [M].

    Returns:
        columns and rows [M, N] int64 inside the padded image, seen [M, N] bool.
    """
    whole = _whole_pixels(pixels, options)
    height, width = views.cameras.sizes[sample].unbind(-1)  # [M, N]
    if options.published.read_padding:
        height, width = views.cameras.image_size
    lowest = 1 if options.published.skip_pixel_zero else 0
    columns, rows = whole.unbind(-1)
    seen = (views.cameras.valid[sample] & (columns >= lowest) & (columns < width) & (rows >= lowest)
            & (rows < height))
    if not options.published.behind_camera:
        seen &= depth > _minimum_depth(options.minimum_depth, depth)
    return columns, rows, seen


def _whole_pixels(pixels: Tensor, options: ProjectionOptions) -> Tensor:
    pixels = pixels.clamp(-1e6, 1e6)  # far beyond any image, and safe to convert
    if options.published.image_scale is not None:
        return ((pixels / options.published.image_scale).trunc()
                * options.published.image_scale).trunc().long()
    whole = pixels.trunc() if options.published.truncation else pixels.floor()
    return whole.long()


def _minimum_depth(depth: float | Sequence[float], like: Tensor) -> Tensor:
    values = torch.tensor(depth, dtype=like.dtype, device=like.device)
    if values.dim() and len(values) != like.shape[1]:
        raise ConfigError(f'minimum_depth has {len(values)} values for {like.shape[1]} cameras; '
                          'give one number, or one for each')
    return values


def _enlarged(features: Tensor, image: Tensor, columns: Tensor, rows: Tensor,
              size: tuple[int, int]) -> Tensor:
    """Bilinear enlargement of ``features`` [I, C, h, w] to ``size``, at some pixels: [P, C]."""
    height, width = features.shape[-2:]
    table = features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])
    top, bottom, down = _between(rows, size[0], height)
    left, right, across = _between(columns, size[1], width)
    down, across = down.to(table.dtype).unsqueeze(1), across.to(table.dtype).unsqueeze(1)
    upper, lower = (image * height + top) * width, (image * height + bottom) * width
    above = table[upper + left] * (1 - across) + table[upper + right] * across
    below = table[lower + left] * (1 - across) + table[lower + right] * across
    return above * (1 - down) + below * down


def _between(pixels: Tensor, size: int, cells: int) -> tuple[Tensor, Tensor, Tensor]:
    """The two cells on both sides of a pixel's center and how far it is towards the second."""
    position = ((pixels.float() + 0.5) * (cells / size) - 0.5).clamp(0, cells - 1)
    first = position.floor().long()
    return first, (first + 1).clamp(max=cells - 1), position - first


def _rectified_depth(sample: Det3DDataSample, count: int) -> np.ndarray:
    """Last entry of the third row of each camera matrix, 0 where it is unknown."""
    if 'cam2img' not in sample.metainfo:
        return np.zeros(count)
    matrices = np.array([np.asarray(m) for m in sample.metainfo['cam2img']], np.float64)
    matrices = matrices[None] if matrices.ndim == 2 else matrices
    depths = np.zeros(count)
    if matrices.shape[-1] == 4:
        depths[:len(matrices)] = matrices[:, 2, 3]
    return depths
