"""What an inference engine runs of SparseBEV: images, kept maps and matrices in, boxes out."""
from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from sparse3d.errors import ConfigError
from sparse3d.structures.cameras import Cameras
from sparsebev.detector import SparseBEV
from sparsebev.head import SparseBEVHead
from sparsebev.views import Views


class DeployableSparseBEV(nn.Module):
    """All decoder passes of a head for one sample, in operators that every engine has.

    Args:
        head: of a detector; it is copied and left as it is.
        image_size: height and width of the padded images that ``lidar2img`` projects to.
    """

    def __init__(self, head: SparseBEVHead, image_size: tuple[int, int]) -> None:
        super().__init__()
        if not head.beginning.has_boxes:
            raise ConfigError('of SparseBEV learned queries are exported, not those of '
                              'bbox_head.queries; leave that out')
        self.head, self.image_size = copy.deepcopy(head).eval(), tuple(image_size)
        self.head.layer.sampling.backend = 'reference'  # the others use a weighted sum of rows
        self.eval()

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """``logits`` [1, Q, K] and ``codes`` [1, Q, 10] of the last pass.

        Args:
            inputs: ``map_0``, ``map_1``, ...: [1, T*N, C, H_l, W_l], newest frame first;
                ``lidar2img`` [1, T, N, 4, 4] from the LiDAR frame of now, zeros where an image
                is missing; ``age`` [1, T] seconds.
        """
        maps = [inputs[f'map_{level}'] for level in range(self.head.num_levels)]
        cameras = Cameras.of_matrices(inputs['lidar2img'].flatten(1, 2), self.image_size)
        views = Views(cameras, inputs['age'])
        found = self.head(maps, views)
        return {name: found[name][-1] for name in ('logits', 'codes')}

    @torch.no_grad()
    def inputs_of(self, maps: list[Tensor], views: Views) -> dict[str, Tensor]:
        """Inputs by name from the maps of all frames and what is known of their cameras."""
        lidar2img = views.lidar2img
        if views.valid is not None:
            lidar2img = lidar2img.masked_fill(~views.valid[..., None, None], 0)
        return {**{f'map_{level}': part for level, part in enumerate(maps)},
                'lidar2img': lidar2img, 'age': views.age}


class ImageEncoder(nn.Module):
    """Backbone and pyramid, with the normalization and padding in front of them.

    Args:
        detector: is left as it is.
    """

    def __init__(self, detector: SparseBEV) -> None:
        super().__init__()
        self.preprocessor = detector.data_preprocessor
        self.backbone, self.neck = detector.backbone, detector.neck

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """``map_0``, ... [N, C, H_l, W_l] of ``images`` [N, 3, H, W], 0-255 in the order of
        channels in which they are loaded."""
        maps = self.backbone(self.preprocessor.normalize(inputs['images']))
        maps = list(self.neck(maps) if self.neck is not None else maps)
        return {f'map_{level}': part for level, part in enumerate(maps)}


class FirstFrame(nn.Module):
    """The first frame of a drive: no maps are kept yet, its own stand in for the earlier ones.

    Args:
        detector: that looks at past frames; its head is copied.
        image_size: height and width of the padded images.
    """

    def __init__(self, detector: SparseBEV, image_size: tuple[int, int]) -> None:
        super().__init__()
        self.images = ImageEncoder(detector)
        self.decoder = DeployableSparseBEV(detector.bbox_head, image_size)
        self.earlier = detector.num_frames - 1

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """``logits`` and ``codes`` as of :class:`DeployableSparseBEV`, and ``map_0``, ...
        [N, C, H_l, W_l] of this frame, to be kept for the next ones.

        Args:
            inputs: ``images`` as of :class:`ImageEncoder`; ``lidar2img`` [1, T, N, 4, 4] and
                ``age`` [1, T] as of :class:`DeployableSparseBEV`, newest frame first, the first
                frame's for all that are missing.
        """
        maps = list(self.images(inputs).values())
        return self.detect(inputs, maps, [torch.cat([each] * self.earlier) if self.earlier
                                          else each[:0] for each in maps])

    def detect(self, inputs: dict[str, Tensor], maps: list[Tensor],
               kept: list[Tensor]) -> dict[str, Tensor]:
        """Boxes from the maps of now and the kept ones, and the maps of now."""
        together = [torch.cat([now, before]) for now, before in zip(maps, kept, strict=True)]
        found = self.decoder({'lidar2img': inputs['lidar2img'], 'age': inputs['age'],
                              **{f'map_{level}': each[None]
                                 for level, each in enumerate(together)}})
        return {**found, **{f'map_{level}': each for level, each in enumerate(maps)}}


class NextFrame(FirstFrame):
    """A later frame: the maps of the T-1 frames before it come in, newest first."""

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """As of :class:`FirstFrame`, with ``kept_0``, ... [(T-1) * N, C, H_l, W_l] among the
        inputs; the oldest kept frame stands for all that are missing."""
        maps = list(self.images(inputs).values())
        return self.detect(inputs, maps, [inputs[f'kept_{level}'] for level in range(len(maps))])
