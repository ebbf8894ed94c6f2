"""Training of v1: a sample brings the images of earlier frames, which are read without gradient."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from mmdet3d.registry import MODELS
from torch import Tensor

from sparse3d.errors import DataError
from sparse3d.models.query.mean_count import mean_count
from sparse3d.ops.deformable_aggregation import deformable_aggregation
from sparse3d.ops.packed_maps import PackedMaps, pack_maps
from sparse3d.structures.cameras import Cameras
from sparse4d.aggregation import places_in_images
from sparse4d.anchors import CENTER, NUMBERS
from sparse4d.box_targets import MatchOptions, encode_boxes
from sparse4d.denoising import DenoisingOptions
from sparse4d.frame import Frame
from sparse4d.losses import LossOptions
from sparse4d.training import Objects, Sparse4DTraining

if TYPE_CHECKING:
    from sparse4d.frames_head import Sparse4DFramesHead

OF_IMAGES = ('lidar2img', 'img_timestamp', 'image_valid', 'valid_shape', 'view_names')
OF_FRAMES = ('frame_timestamps', 'frame_lidar2global', 'frame_there')
TINY = 1e-12


@MODELS.register_module()
class Sparse4DFramesTraining(Sparse4DTraining):
    """Losses of a head that reads several frames; holds no weights.

    Beside those of instances, which have no denoising, the depths that the head tells apart are
    learned at the key points of the labeled objects.

    Args:
        num_classes: K.
        matching: see :class:`~sparse4d.box_targets.MatchOptions`.
        losses: see :class:`~sparse4d.losses.LossOptions`.
        depth_weight: of the loss of depths.

    Source: Sparse4D (arXiv 2211.10581) and its released code.
    """

    argument_objects = dict(matching=MatchOptions, losses=LossOptions)

    def __init__(self, num_classes: int, matching: dict | MatchOptions | None = None,
                 losses: dict | LossOptions | None = None, depth_weight: float = 1.0) -> None:
        super().__init__(num_classes, matching, losses,
                         DenoisingOptions(num_groups=0, num_temporal_groups=0))
        self.depth_weight = depth_weight

    def depth_loss(self, head: Sparse4DFramesHead, maps: Sequence[Tensor], frame: Frame,
                   objects: Objects) -> Tensor:
        """How unlikely the head holds the distances of the objects, by what lies in the images.

        Each fixed key point of an object reads the mean of all cameras and levels; a sum over
        objects and points, divided by both numbers.

        Args:
            maps: L x [B, N, C, H_l, W_l] of the present frame.
        """
        count = mean_count(maps[0].new_tensor(float(sum(
            min(len(boxes), head.bank.options.num_anchors) for boxes in objects.boxes))))
        packed = pack_maps(maps)
        total = maps[0].sum() * 0
        points = 1
        for sample, boxes in enumerate(objects.boxes):
            if not len(boxes):
                continue
            anchors = F.pad(encode_boxes(boxes).nan_to_num(), (0, NUMBERS - 10))[None]
            cameras = frame.cameras.of_sample(sample)
            read = self._means(head, packed, sample, cameras, anchors)
            points = read.shape[2]
            chances = head.depth(read, anchors[:, :, None, CENTER])
            total = total - chances.clamp(min=TINY).log().sum()
        return self.depth_weight * total / (count * points)

    def _means(self, head: Sparse4DFramesHead, packed: PackedMaps, sample: int, cameras: Cameras,
               anchors: Tensor) -> Tensor:
        """[1, M, P, C] what the key points of anchors [1, M, 11] read on an average."""
        aggregation = head.layers[0].aggregation
        places = places_in_images(aggregation.key_points(anchors, None), cameras)
        seen = cameras.valid.to(anchors)[0]
        share = seen / (seen.sum().clamp(min=1) * packed.levels)
        weights = share[:, None, None].expand(*places.shape[:3], -1, packed.levels, 1)
        maps = PackedMaps(packed.features[sample:sample + 1], packed.sizes)
        read = deformable_aggregation(maps, places.flatten(1, 2)[:, :, None],
                                      weights.flatten(1, 2)[:, :, None], aggregation.border,
                                      aggregation.backend)
        return read.unflatten(1, places.shape[1:3])


def earlier_frames(metas: Sequence[Mapping[str, Any]], image_size: tuple[int, int],
                   device: torch.device | str) -> tuple[Frame, list[tuple[Frame, Tensor]]]:
    """The present frame of a batch, and earlier ones, newest first, with who has them, [B] bool.

    Args:
        metas: of each sample; with T frames ``lidar2img`` (T * N, 4, 4) from the LiDAR frame of
            now and so on, newest first, and ``OF_FRAMES``. Without those there is one frame.

    Raises:
        DataError: if the images of a sample are no whole frames.
    """
    counts = {len(meta['frame_timestamps']) if 'frame_timestamps' in meta else 1
              for meta in metas}
    if len(counts) > 1:
        raise DataError(f'samples of a batch have {sorted(counts)} frames; all need the same '
                        f'number')
    frames = [Frame.of_batch([of_frame(meta, number, max(counts)) for meta in metas], image_size,
                             device) for number in range(max(counts))]
    there = [torch.tensor([bool(meta['frame_there'][number]) for meta in metas])
             for number in range(1, max(counts))]
    return frames[0], list(zip(frames[1:], there, strict=True))


def of_frame(meta: Mapping[str, Any], number: int, frames: int) -> dict[str, Any]:
    """The entries of one of the frames of a sample, its cameras seen from its own LiDAR frame.

    Raises:
        DataError: if the images are no whole frames.
    """
    if frames == 1:
        return dict(meta)
    missing = [name for name in OF_FRAMES if name not in meta]
    images = len(meta['lidar2img'])
    if missing or images % frames:
        raise DataError(f'a sample has {images} images in {frames} frames'
                        + (f' and no {", ".join(missing)}' if missing else '') + '; load whole key '
                        'frames (frames=dict(key_frames=True) of the data set) and add '
                        f'{", ".join(OF_FRAMES)} to meta_keys of the packing transform')
    rows = slice(number * images // frames, (number + 1) * images // frames)
    found = {**meta, **{name: meta[name][rows] for name in OF_IMAGES if meta.get(name) is not None}}
    poses = np.asarray(meta['frame_lidar2global'], np.float64)
    back = np.linalg.inv(poses[0]) @ poses[number]
    return dict(found, lidar2img=np.asarray(found['lidar2img'], np.float64) @ back,
                timestamp=meta['frame_timestamps'][number], lidar2global=poses[number])
