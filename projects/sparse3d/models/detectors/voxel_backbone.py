"""From voxels to maps: what LiDAR detectors have in common, and what a middle encoder is."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample
from torch import Tensor, nn

from sparse3d.argument_objects import as_argument_object
from sparse3d.models.layers.pruned_convolution import prune_convolutions
from sparse3d.ops.pruning_options import PruningOptions


class MiddleEncoder(Protocol):
    """Any middle encoder of mmdet3d: a dense map, or sparse 3D levels for a sparse head."""

    def __call__(
            self,
            features: Tensor,     # [N, C]
            coordinates: Tensor,  # [N, 4]  sample, z, y, x
            batch_size: int,      # the last samples may have no voxel
    ) -> Any:                     # [B, C, H, W], or sparse tensors, finest first
        """Encode the voxels of a batch."""


@runtime_checkable
class LearningMiddleEncoder(Protocol):
    """A middle encoder that learns something of its own, such as the importance of voxels."""

    def encode(self, features: Tensor, coordinates: Tensor, batch_size: int,
               *views: Any) -> tuple[Any, Any]:
        """What :class:`MiddleEncoder` gives, and what :meth:`auxiliary_losses` need.

        Args:
            views: what an image encoder made of the images, where the detector has one.
        """

    def auxiliary_losses(self, auxiliary: Any, gt_boxes: list[Tensor]) -> dict[str, Tensor]:
        """Losses by name; ``gt_boxes``: for each sample [n, 7], LiDAR frame."""


@dataclass(frozen=True)
class VoxelFeatures:
    """What a :class:`VoxelBackbone` makes of the voxels of a batch.

    Attributes:
        encoded: what the middle encoder gave: a map [B, C, H, W], or sparse levels.
        maps: of the neck, or of the 2D backbone without one; empty for sparse levels.
        auxiliary: of a middle encoder that learns something of its own, else None.
    """

    encoded: Any
    maps: list[Tensor]
    auxiliary: Any = None


@dataclass(frozen=True)
class VoxelBackbone:
    """Encode voxels, run the middle encoder, then the 2D backbone and neck on its map.

    The modules belong to a detector, where checkpoints and optimizers know them by these names;
    this puts them together.

    Attributes:
        voxel_encoder: features of a voxel from its points.
        middle_encoder: see :class:`MiddleEncoder` and :class:`LearningMiddleEncoder`.
        backbone: of the map, or None where heads are sparse.
        neck: of the backbone's maps, or None.
    """

    voxel_encoder: nn.Module
    middle_encoder: MiddleEncoder | LearningMiddleEncoder
    backbone: nn.Module | None = None
    neck: nn.Module | None = None

    @staticmethod
    def build(detector: nn.Module, voxel_encoder: dict, middle_encoder: dict,
              backbone: dict | None = None, neck: dict | None = None) -> None:
        """Build the parts from configs as attributes of a detector, those named here.

        ``middle_encoder.pruning`` is an option of every sparse encoder: a dict of
        :class:`~sparse3d.ops.pruning_options.PruningOptions`, or None.

        Raises:
            ConfigError: for an unknown option of the pruning, or an encoder without any
                convolution to prune.
        """
        middle_encoder = dict(middle_encoder)
        pruning = middle_encoder.pop('pruning', None)
        parts = dict(voxel_encoder=voxel_encoder, middle_encoder=middle_encoder, backbone=backbone,
                     neck=neck)
        for name, config in parts.items():
            setattr(detector, name, None if config is None else MODELS.build(config))
        if pruning is not None:
            prune_convolutions(detector.middle_encoder, as_argument_object(
                PruningOptions, pruning, 'middle_encoder.pruning'))

    @classmethod
    def of(cls, detector: nn.Module) -> VoxelBackbone:
        """The parts that the detector has now."""
        return cls(detector.voxel_encoder, detector.middle_encoder,
                   getattr(detector, 'backbone', None), getattr(detector, 'neck', None))

    def __call__(self, voxels: dict[str, Tensor], batch_size: int,
                 views: Any = None) -> VoxelFeatures:
        """From voxels to the neck's maps.

        Args:
            voxels: of hard voxelization ``voxels`` [M, P, C], ``num_points`` [M], ``coors``
                [M, 4] as sample, z, y, x; of dynamic voxelization (``voxel_type='dynamic'``)
                ``voxels`` [N, C] and ``coors`` [N, 4], one row a point.
            views: see :meth:`LearningMiddleEncoder.encode`.
        """
        encoded, auxiliary = self.encode(voxels, batch_size, views)
        return VoxelFeatures(encoded, self.maps_of(encoded), auxiliary)

    def encode(self, voxels: dict[str, Tensor], batch_size: int,
               views: Any = None) -> tuple[Any, Any]:
        """What the middle encoder makes of the voxels, and its ``auxiliary`` or None."""
        features, coordinates = self.encode_voxels(voxels)
        if not isinstance(self.middle_encoder, LearningMiddleEncoder):
            return self.middle_encoder(features, coordinates, batch_size), None
        return self.middle_encoder.encode(features, coordinates, batch_size,
                                          *(() if views is None else (views, )))

    def encode_voxels(self, voxels: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Features [M, C] and coordinates [M, 4]; dynamic encoders find the voxels themselves."""
        if 'num_points' not in voxels:
            return self.voxel_encoder(voxels['voxels'], voxels['coors'])
        features = self.voxel_encoder(voxels['voxels'], voxels['num_points'], voxels['coors'])
        return features, voxels['coors']

    def maps_of(self, bev: Tensor) -> list[Tensor]:
        """Maps of the neck from the middle encoder's map [B, C, H, W]."""
        maps = self.backbone(bev)
        return list(self.neck(maps) if self.neck is not None else maps)

    def auxiliary_losses(self, auxiliary: Any,
                         data_samples: Sequence[Det3DDataSample]) -> dict[str, Tensor]:
        """Losses of the middle encoder; none where ``auxiliary`` is None."""
        if auxiliary is None:
            return {}
        boxes = [sample.gt_instances_3d.bboxes_3d.tensor[:, :7] for sample in data_samples]
        return self.middle_encoder.auxiliary_losses(auxiliary, boxes)
