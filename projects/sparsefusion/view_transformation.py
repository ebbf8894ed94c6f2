"""View transformation: camera queries learn what their boxes are in the LiDAR frame."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sparse3d.models.heads.transfusion_box_coder import TransFusionBoxCoder
from sparse3d.models.heads.transfusion_branches import PredictionBranches
from sparse3d.models.query.positions import logit
from sparse3d.ops.constants import constant
from sparse3d.structures.camera_rig import CameraRig
from sparsefusion.camera_candidates import CameraCandidates
from sparsefusion.lifted_boxes import LiftedBoxes
from sparsefusion.query_attention import QueryAttention
from sparsefusion.semantic_transfer import projection

CAMERA_NUMBERS = 16                 # rotation, translation, fx, fy, cx, cy
PUBLISHED_SPAN = (-12.0, 204.0)     # cells: where x and y start, how far they reach
PUBLISHED_HEIGHTS = (-10.0, 20.0)   # meters


class CameraGate(nn.Module):
    """Weigh the channels of a query by its camera's calibration."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(CAMERA_NUMBERS)
        self.network = nn.Sequential(
            nn.Conv1d(CAMERA_NUMBERS, channels, 1), nn.ReLU(), nn.Conv1d(channels, channels, 1),
            nn.ReLU(), nn.Conv1d(channels, channels, 1))

    def forward(self, queries: Tensor, cameras: Tensor) -> Tensor:  # [B, Q, C], [B, Q, 16]
        """Scale the queries."""
        weights = self.network(self.norm(cameras.transpose(1, 2))).sigmoid()
        return queries * weights.transpose(1, 2)


class ViewTransformation(nn.Module):
    """Attention among all camera queries, placed by their lifted boxes.

    Args:
        channels: of the queries.
        classes: number of classes.
        coder: of the boxes.
        center_range: x, y, z minimum, x, y, z maximum of detections, meters; positions are
            fractions of it.
        layer: settings of the attention layer.
        published_positions: fractions of 204 cells from -12 on, as the release has it for
            every map, which fits one of 180 x 180.

    Source: SparseFusion (ICCV 2023), section 3.2; released code.
    """

    def __init__(self, channels: int, outputs: dict[str, int], coder: TransFusionBoxCoder,
                 center_range: Sequence[float], layer: dict | None = None,
                 published_positions: bool = False) -> None:
        super().__init__()
        self.gate = CameraGate(channels)
        self.projection = projection(channels)
        self.attention = QueryAttention(9, channels, **(layer or {}))
        self.branches = PredictionBranches(channels, outputs)
        ends = torch.tensor([center_range[:3], center_range[3:]], dtype=torch.float32)
        ends[:, :2] = coder.to_cells(ends[:, :2])
        self.start, self.span = ends[0].tolist(), (ends[1] - ends[0]).tolist()
        if published_positions:
            self.start = [PUBLISHED_SPAN[0]] * 2 + [PUBLISHED_HEIGHTS[0]]
            self.span = [PUBLISHED_SPAN[1]] * 2 + [PUBLISHED_HEIGHTS[1]]

    def forward(self, candidates: CameraCandidates, lifted: LiftedBoxes,
                rig: CameraRig) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Queries [B, Q, C], their gated form, and the branches' outputs [B, numbers, Q]."""
        gated = self.gate(candidates.queries, camera_numbers(rig, candidates.view))
        positions = self.positions(lifted.codes, candidates.logits_2d)
        queries = self.attention(self.projection(gated), positions, candidates.peaks.scores <= 0)
        outputs = self.branches(queries)
        outputs['center'] = outputs['center'] + lifted.codes[..., :2].transpose(1, 2)
        return queries, gated, outputs

    def positions(self, codes: Tensor, logits_2d: Tensor) -> Tensor:  # [B, Q, 9]
        """Logits of center and heading, velocity, logits of the image position."""
        start, span = constant(self.start, codes), constant(self.span, codes)
        center = logit((codes[..., :3] - start) / span)
        heading = logit((codes[..., 6:8] + 1) / 2)
        return torch.cat([center, heading, codes[..., 8:10], logits_2d], dim=-1)


def camera_numbers(rig: CameraRig, view: Tensor) -> Tensor:  # [B, Q] -> [B, Q, 16]
    """Calibration of each query's camera in a row."""
    intrinsics, rotation, translation = rig.of_queries(view)
    focal = intrinsics.diagonal(dim1=-2, dim2=-1)[..., :2]
    return torch.cat([rotation.flatten(2), translation, focal, intrinsics[..., :2, 2]], dim=-1)
