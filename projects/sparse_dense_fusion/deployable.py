"""What an inference engine runs behind the voxels: images to maps, maps to boxes and scores."""
from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from sparse3d.models.heads.transfusion_head import TransFusionHead, TransFusionOutput
from sparse3d.ops.sparse_depth import sparse_depth
from sparse3d.structures.camera_rig import CameraRig
from sparse3d.structures.cameras import Cameras
from sparse_dense_fusion.camera_lift import splat
from sparse_dense_fusion.detector import DEPTH_STRIDE, SparseDenseFusion, look_again


class DeployableFusion(nn.Module):
    """Both branches and the head for one sample, in operators that every engine has.

    The map of the LiDAR and the levels of the images come from graphs of their own; the host gives
    depths of the points in the images and the cells of the cameras' rays, which change with the
    calibration alone.

    Args:
        detector: its parts are copied and left as they are.
        image_size: height and width of the padded images that ``lidar2img`` projects to.
    """

    def __init__(self, detector: SparseDenseFusion, image_size: tuple[int, int]) -> None:
        super().__init__()
        self.head = copy.deepcopy(detector.bbox_head)
        self.lift, self.map_fusion, self.query_fusion = (
            copy.deepcopy(part) for part in (
                detector.camera_lift, detector.map_fusion, detector.query_fusion))
        if self.query_fusion is not None:
            self.query_fusion.backend = 'reference'  # the others use a weighted sum of rows
        self.image_size = (image_size[0], image_size[1])
        self.eval()

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """``boxes`` [Q, 7 or 9], ``scores`` [Q, K] and ``peaks`` [Q], which number each query's
        peak, class by class.

        Args:
            inputs: ``bev`` [1, C, H, W] of the LiDAR's neck; with a branch ``level_0``, ... of
                the images [N, C, h, w] and ``sizes`` [1, N, 2] height and width of the pictures,
                zeros for a missing one; for the dense branch ``depth`` [N, 2, h, w] and ``cells``
                [bins, N * h * w]; for the sparse one ``lidar2img`` [1, N, 4, 4], zeros for a
                missing picture.
        """
        bev = self.head.map_of(inputs['bev'])
        levels = [inputs[name] for name in sorted(inputs) if name.startswith('level_')]
        rig = self._rig(inputs) if levels else None
        if self.lift is not None:
            bev = self.map_fusion(bev, self._lifted(levels, inputs, rig))
        found = self.head.detect_on(bev)
        if self.query_fusion is not None:
            found = look_again(self.head, self.query_fusion, found, levels, rig)
        return named_outputs(self.head, found)

    def _lifted(self, levels: list[Tensor], inputs: dict[str, Tensor], rig: CameraRig) -> Tensor:
        image = levels[self.lift.level]
        parts = self.lift.masked(*self.lift.look(image, inputs['depth']),
                                 rig.picture_mask(image.shape[-2:]))
        summed = splat(*parts, inputs['cells'], 1, self.head.coder.map_size)
        return self.lift.map_of(summed, image.dtype)[0]

    def _rig(self, inputs: dict[str, Tensor]) -> CameraRig:
        """Cameras whose lenses nobody asks for: the rays are in ``cells``."""
        sizes = inputs['sizes']
        matrices = inputs.get('lidar2img', torch.zeros(*sizes.shape[:2], 4, 4))
        valid = torch.ones(sizes.shape[:2], dtype=torch.bool)
        return CameraRig(Cameras(matrices, sizes, self.image_size, valid), matrices[..., :3, :3],
                         matrices[..., :3, :3], matrices[..., :3, 3])

    @torch.no_grad()
    def inputs_of(self, bev: Tensor, images: list[Tensor], points: list[Tensor],
                  rig: CameraRig | None) -> dict[str, Tensor]:
        """Inputs by name: what stays in Python, see :class:`SceneFeatures` for the arguments."""
        inputs = dict(bev=bev)
        if rig is None or self.lift is None and self.query_fusion is None:
            return inputs
        missing = ~rig.valid[..., None]
        inputs.update({f'level_{number}': image for number, image in self._needed(images)},
                      sizes=rig.cameras.sizes.masked_fill(missing, 0))
        if self.lift is not None:
            shape = images[self.lift.level].shape[-2:]
            inputs.update(depth=sparse_depth(points, rig, DEPTH_STRIDE),
                          cells=self.lift.cells_of(shape, rig, self.head.coder))
        if self.query_fusion is not None:
            inputs['lidar2img'] = rig.cameras.lidar2img.masked_fill(missing[..., None], 0)
        return inputs

    def _needed(self, images: list[Tensor]) -> list[tuple[int, Tensor]]:
        """Levels up to the last one that a branch reads."""
        count = 0 if self.query_fusion is None else self.query_fusion.num_levels
        if self.lift is not None:
            count = max(count, self.lift.level + 1)
        return list(enumerate(images))[:count]


class ImageEncoder(nn.Module):
    """Image backbone and pyramid, with the normalization and padding in front of them.

    Args:
        detector: with a branch; is left as it is.
    """

    def __init__(self, detector: SparseDenseFusion) -> None:
        super().__init__()
        self.preprocessor = detector.data_preprocessor
        self.backbone, self.neck = detector.image_backbone, detector.image_neck

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """``level_0``, ... [N, C, h, w], finest first, of ``images`` [N, 3, H, W], 0-255 in the
        order of channels in which they are loaded."""
        levels = self.neck(self.backbone(self._prepared(inputs['images'])))
        return {f'level_{number}': level for number, level in enumerate(levels)}

    def _prepared(self, images: Tensor) -> Tensor:
        """As mmdet3d's preprocessor prepares them, which takes whole batches alone."""
        options = self.preprocessor
        images = images.flip(1) if options._channel_conversion else images
        if options._enable_normalize:
            images = (images - options.mean) / options.std
        height, width = images.shape[-2:]
        divisor = options.pad_size_divisor
        return pad(images, (0, -width % divisor, 0, -height % divisor), value=options.pad_value)


class MapOfVoxels(nn.Module):
    """2D backbone and neck of the LiDAR.

    Args:
        detector: is left as it is.
    """

    def __init__(self, detector: SparseDenseFusion) -> None:
        super().__init__()
        self.backbone, self.neck = detector.backbone, detector.neck

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """``whatever_voxels`` [1, C, H, W], also where there are none, from the map ``encoded`` of
        the middle encoder."""
        return {'whatever_voxels': self.neck(self.backbone(inputs['encoded']))[0]}


def named_outputs(head: TransFusionHead, found: TransFusionOutput) -> dict[str, Tensor]:
    """What a head found in one sample, see :meth:`DeployableFusion.forward`."""
    boxes, scores = head.decoded(found.layers[-1], found.peaks)
    height, width = found.heat.shape[-2:]
    peaks = found.peaks.labels * (height * width) + found.peaks.cells
    return {'boxes': boxes[0], 'scores': scores[0], 'peaks': peaks[0]}
