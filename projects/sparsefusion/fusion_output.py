"""What the head of SparseFusion gives, stage by stage."""
from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from sparse3d.models.center.peaks import Peaks
from sparsefusion.camera_candidates import CameraCandidates
from sparsefusion.image_pyramid import ImagePyramid
from sparsefusion.lifted_boxes import LiftedBoxes
from sparsefusion.semantic_transfer import TransferredMap


@dataclass
class FusionOutput:
    """Every stage of the head, for losses, pictures and tests.

    Attributes:
        pyramid: image features after geometric transfer.
        bev: [B, C, H, W] features of the map.
        transferred: the map after semantic transfer.
        peaks: of the transferred heat map.
        lidar_queries: [B, Q, C] after the LiDAR decoder.
        lidar: outputs of the LiDAR branches.
        camera: camera candidates.
        lifted: their boxes in the LiDAR frame.
        gated_queries: [B, Q, C] camera queries behind the camera gate.
        view_queries: [B, Q, C] after view transformation.
        view: outputs of the view transformation's branches.
        fused_queries: [B, 2 Q, C] LiDAR first.
        fused: outputs of the fusion's branches.
        valid: [B] bool, samples with LiDAR points.
    """

    pyramid: ImagePyramid
    bev: Tensor
    transferred: TransferredMap
    peaks: Peaks
    lidar_queries: Tensor
    lidar: dict[str, Tensor]
    camera: CameraCandidates
    lifted: LiftedBoxes
    gated_queries: Tensor
    view_queries: Tensor
    view: dict[str, Tensor]
    fused_queries: Tensor
    fused: dict[str, Tensor]
    valid: Tensor
