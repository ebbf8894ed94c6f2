"""Camera candidates: peaks in the images become boxes in the frames of the cameras."""
from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sparse3d.models.center.heatmap_loss import RARE_BIAS
from sparse3d.models.center.peaks import Peaks, local_peaks, top_peaks
from sparse3d.models.heads.transfusion_queries import ClassEncoding
from sparse3d.structures.camera_rig import CameraRig
from sparsefusion.convolution_block import convolution_block
from sparsefusion.deformable_decoder_layer import DeformableDecoderLayer
from sparsefusion.image_pyramid import ImagePyramid
from sparsefusion.published import SparseFusionPublished
from sparsefusion.view_groups import ViewGroups

CAMERA_OUTPUTS = dict(center_2d=2, depth_2d=1, dim_2d=3, rot_2d=2, vel_2d=2)
TYPICAL_DEPTH = 14.0  # meters


@dataclass
class CameraCandidates:
    """Candidates of a batch in the frames of their cameras.

    Attributes:
        heat: [B, K, N, S] logits of the heat maps, all levels in one row.
        peaks: their highest peaks; ``cells`` counts over views and pixels.
        view: [B, Q] camera of each candidate.
        queries: [B, Q, C] after the decoder.
        logits_2d: [B, Q, 2] logits of the refined centers, detached.
        outputs: [B, numbers, Q] by name: ``cls`` logits; ``center_2d`` fractions of the
            network's image; ``depth_2d`` meters; ``dim_2d`` logarithms of l, h, w;
            ``rot_2d`` sine and cosine of the yaw about the camera's y axis; ``vel_2d``
            velocity along the camera's x and z.
    """

    heat: Tensor
    peaks: Peaks
    view: Tensor
    queries: Tensor
    logits_2d: Tensor
    outputs: dict[str, Tensor]


class CameraBranches(nn.Module):
    """What is read off a camera query: three linear layers for each property, two for classes."""

    def __init__(self, channels: int, num_classes: int, hidden_channels: int = 64) -> None:
        super().__init__()
        self.branches = nn.ModuleDict(
            {
                name: nn.Sequential(
                    nn.Linear(channels, hidden_channels),
                    nn.ReLU(),
                    nn.Linear(hidden_channels, hidden_channels),
                    nn.ReLU(),
                    nn.Linear(hidden_channels, count),
                )
                for name, count in CAMERA_OUTPUTS.items()
            }
        )
        self.branches['cls'] = nn.Sequential(
            nn.Linear(channels, hidden_channels, bias=False),
            nn.LayerNorm(hidden_channels),
            nn.ReLU(),
            nn.Linear(hidden_channels, num_classes),
        )

    def init_weights(self) -> None:
        """Let the classes start rare and depths at a typical one."""
        nn.init.constant_(self.branches['cls'][-1].bias, RARE_BIAS)
        nn.init.constant_(self.branches['depth_2d'][-1].bias, TYPICAL_DEPTH)

    def forward(self, queries: Tensor) -> dict[str, Tensor]:  # [B, Q, C] -> [B, count, Q] each
        """Outputs of all branches by their names."""
        return {name: branch(queries).transpose(1, 2) for name, branch in self.branches.items()}


class CameraDetector(nn.Module):
    """Heat maps of each image level, queries from their peaks, a deformable decoder per view.

    Args:
        channels: of the image features.
        num_classes: number of classes.
        num_queries: candidates over all views and levels.
        num_levels: of the image pyramid.
        layer: settings of the deformable layer.
        published: ``lone_query_zero``: a view with one candidate gives it zero features, as in
            the release, which works around an old batch normalization; ``padding``: peaks may
            lie in the padding.

    Source: SparseFusion (ICCV 2023), section 3.2; released code.
    """

    def __init__(self, channels: int, num_classes: int, num_queries: int, num_levels: int = 4,
                 layer: dict | None = None,
                 published: SparseFusionPublished | None = None) -> None:
        super().__init__()
        self.heat = nn.ModuleList(
            nn.Sequential(
                convolution_block(channels, channels),
                nn.Conv2d(channels, num_classes, 3, padding=1),
            )
            for _ in range(num_levels)
        )
        self.class_encoding = ClassEncoding(num_classes, channels)
        self.decoder = DeformableDecoderLayer(2, channels, num_levels=num_levels, **(layer or {}))
        self.branches = CameraBranches(channels, num_classes)
        self.num_queries = num_queries
        published = SparseFusionPublished.of(published)
        self.lone_query_zero, self.padding_counts = published.lone_query_zero, published.padding

    def init_weights(self) -> None:
        """Let classes start rare."""
        for head in self.heat:
            nn.init.constant_(head[-1].bias, RARE_BIAS)
        self.branches.init_weights()

    def forward(self, images: ImagePyramid, rig: CameraRig) -> CameraCandidates:
        """Candidates of every sample."""
        heat, probability = self._heat(images, rig)
        peaks = top_peaks(probability.flatten(2), self.num_queries)
        pixels = heat.shape[-1]
        view = peaks.cells.div(pixels, rounding_mode='floor')
        flat = images.flat().unflatten(0, rig.valid.shape).flatten(1, 2)  # [B, N * S, C]
        queries = self.class_encoding(flat.transpose(1, 2), peaks)
        logits_2d = images.positions[peaks.cells % pixels]  # [B, Q, 2]
        queries = self._decode(queries, logits_2d, view, images, rig.views)
        outputs = self.branches(queries)
        center = outputs['center_2d'].float() + logits_2d.transpose(1, 2)
        outputs['center_2d'] = center.sigmoid()
        return CameraCandidates(heat, peaks, view, queries, center.detach().transpose(1, 2),
                                outputs)

    def _heat(self, images: ImagePyramid, rig: CameraRig) -> tuple[Tensor, Tensor]:
        """Logits and probabilities after peak selection, [B, K, N, S] each."""
        logits, peaks = [], []
        for level, head in zip(images.levels, self.heat, strict=True):
            found = head(level)
            logits.append(found.flatten(2))
            peaks.append(local_peaks(found.detach().float().sigmoid()).flatten(2))
        logits, peaks = (torch.cat(part, dim=2) for part in (logits, peaks))  # [B * N, K, S]
        nowhere = images.padding if not self.padding_counts else (
            ~rig.valid.flatten()[:, None].expand_as(images.padding))
        peaks = peaks.masked_fill(nowhere[:, None], 0)
        return tuple(part.unflatten(0, rig.valid.shape).transpose(1, 2)
                     for part in (logits, peaks))

    def _decode(self, queries: Tensor, logits_2d: Tensor, view: Tensor, images: ImagePyramid,
                views: int) -> Tensor:  # [B, Q, C]
        batch, count = view.shape
        if not count:
            return queries
        member = view[:, None] == torch.arange(views, device=view.device)[:, None]  # [B, N, Q]
        if self.lone_query_zero:
            member &= member.sum(2, keepdim=True) > 1
        groups = ViewGroups.of(member.flatten(0, 1))
        if groups.nobody:
            return torch.zeros_like(queries)
        positions = groups.take_shared(logits_2d)
        refined = self.decoder(groups.take_shared(queries), positions, positions.sigmoid(),
                               groups.padding, images)
        refined = groups.put_back(refined, batch, count)
        return torch.where(refined.isfinite(), refined, 0)
