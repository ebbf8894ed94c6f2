"""How SparseBEV's queries begin: learned, or from what the images of now show."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from sparse3d.errors import ConfigError
from sparse3d.models.center.heatmap_loss import RARE_BIAS, heatmap_loss
from sparse3d.models.center.peaks import local_peaks
from sparse3d.models.query.initializations import register_queries
from sparse3d.models.query.mean_count import mean_count
from sparse3d.ops.gaussian_heatmap import draw_gaussians
from sparse3d.structures.cameras import project_into_views
from sparse3d.structures.image_rectangles import clip_rectangles, project_rectangles
from sparsebev.views import Views

DEPTHS = (1.0, 80.0)  # meters between which depths are told


@dataclass
class Beginning:
    """Queries before the first pass.

    Attributes:
        boxes: [B, Q, 10] as of :mod:`sparse3d.models.query.box_code`.
        features: [B, Q, C] added to those of a query that knows no class; None: nothing.
        found: what the way's own losses need.
    """

    boxes: Tensor
    features: Tensor | None = None
    found: Any = None


@register_queries('SparseBEVHead', 'learned')
class LearnedQueries(nn.Module):
    """Boxes that are learned, the same for every scene, as published.

    Args:
        head: whose ``query_boxes`` they are.
        own_features: whether each query has learned features as well; as published all begin alike.

    Source: Sparse R-CNN (CVPR 2021), section 3; SparseBEV (ICCV 2023), section 3.1.
    """

    has_boxes = True

    def __init__(self, head: nn.Module, own_features: bool = False) -> None:
        super().__init__()
        self.features = nn.Parameter(
            torch.randn(head.num_queries, head.channels) * 0.1) if own_features else None

    def forward(self, head: nn.Module, maps: Sequence[Tensor], views: Views) -> Beginning:
        """The learned queries for each sample."""
        size = len(maps[0]), -1, -1
        return Beginning(head.query_boxes.expand(*size),
                         None if self.features is None else self.features.expand(*size))

    def losses(self, beginning: Beginning, boxes: Sequence[Tensor], labels: Sequence[Tensor],
               views: Views) -> dict[str, Tensor]:
        """None: the decoder's losses reach them."""
        return {}


@dataclass
class ViewPlaces:
    """What every cell or token of the images of now says.

    Attributes:
        logits: [B, N, K or 1, H, W].
        depth: [B, N, H, W] 0 to 1, of the logarithm of the depth between :data:`DEPTHS`.
        step: [2] pixels of a place along x, y.
    """

    logits: Tensor
    depth: Tensor
    step: Tensor


class ViewQueries(nn.Module):
    """Queries at the places of the images that score highest, at a depth that is told there.

    What is not told from the images (size, yaw, velocity) is one learned box for all.

    Args:
        head: of which it takes sizes; it has ``num_queries``, ``channels``, ``num_classes``.
        outputs: scores of a place.
        level: of the feature maps, 0 the finest.
        patch: cells along the sides of a place.
    """

    has_boxes = False

    def __init__(self, head: nn.Module, outputs: int, level: int, patch: int) -> None:
        super().__init__()
        whole = type(level) is int and type(patch) is int
        if not (whole and 0 <= level < head.num_levels and patch > 0):
            raise ConfigError(f'queries.level is {level!r:.40} and queries.patch {patch!r:.40}; '
                              f'the head has levels 0 to {head.num_levels - 1}, and a patch 1 '
                              f'cell or more')
        channels = head.channels
        self.level, self.patch, self.outputs = level, patch, outputs
        self.count, self.limits = head.num_queries, head.point_cloud_range
        kernel = dict(kernel_size=3, padding=1) if patch == 1 else dict(kernel_size=patch,
                                                                         stride=patch)
        self.place = nn.Sequential(nn.Conv2d(channels, channels, bias=False, **kernel),
                                   nn.BatchNorm2d(channels), nn.ReLU())
        self.said = nn.Conv2d(channels, outputs + 1, 1)
        self.features = nn.Linear(channels, channels)
        self.box = nn.Parameter(torch.zeros(7))
        nn.init.constant_(self.said.bias, 0)
        nn.init.constant_(self.said.bias[:outputs], RARE_BIAS)

    def forward(self, head: nn.Module, maps: Sequence[Tensor], views: Views) -> Beginning:
        """Queries of each sample from ``maps`` L x [B, T*N, C, H, W], newest frame first."""
        lidar2img = views.lidar2img[:, 0]                                    # [B, N, 4, 4]
        batch, cameras = lidar2img.shape[:2]
        image = maps[self.level][:, :cameras].flatten(0, 1)
        over = [-extent % self.patch for extent in image.shape[-2:]]
        tokens = self.place(F.pad(image, (0, over[1], 0, over[0])))          # [B N, C, H, W]
        said = self.said(tokens).unflatten(0, (batch, cameras))
        found = ViewPlaces(said[:, :, :-1], said[:, :, -1].sigmoid(), self._step(maps, views))
        score = self.scores(found.logits.detach()).flatten(2)                # [B, N, H W]
        if views.valid is not None:
            score = score.masked_fill(~views.valid[:, 0, :, None], -1)
        cells = score.shape[-1]
        rows = score.flatten(1).topk(min(self.count, score[0].numel()), dim=1)[1]
        camera, cell = rows.div(cells, rounding_mode='floor'), rows % cells
        width = tokens.shape[-1]
        at = torch.stack([cell % width, cell.div(width, rounding_mode='floor')], -1) + 0.5
        depth = meters(found.depth.flatten(1).gather(1, rows))
        centers = lifted(at * found.step, depth, lidar2img, camera)
        low, high = (centers.new_tensor(limit) for limit in (self.limits[:3], self.limits[3:]))
        centers = ((centers - low) / (high - low)).clamp(0.005, 0.995)
        boxes = torch.cat([centers, self.box.expand(*centers.shape[:2], -1)], -1)
        table = tokens.unflatten(0, (batch, cameras)).flatten(3).transpose(2, 3).flatten(1, 2)
        features = self.features(table.gather(1, rows[..., None].expand(-1, -1, table.shape[-1])))
        weight = found.logits.amax(2).sigmoid().flatten(1).gather(1, rows)
        return Beginning(boxes, features * weight[..., None], found)

    def scores(self, logits: Tensor) -> Tensor:
        """What places are compared by, [B, N, K, H, W] -> [B, N, H, W]."""
        return logits.float().sigmoid().amax(2)

    def _step(self, maps: Sequence[Tensor], views: Views) -> Tensor:
        """Pixels of a place along x, y."""
        height, width = views.image_size
        rows, columns = maps[self.level].shape[-2:]
        return maps[0].new_tensor([width / columns, height / rows]) * self.patch


@register_queries('SparseBEVHead', 'heatmap')
class HeatmapQueries(ViewQueries):
    """Queries at the highest peaks of a heat map of classes in each image.

    Args:
        head: of which it takes sizes.
        level: of the feature maps, 0 the finest.

    Source: TransFusion (CVPR 2022), section 3.2, for images; depth as CenterNet (arXiv 1904.07850).
    """

    def __init__(self, head: nn.Module, level: int = 0) -> None:
        super().__init__(head, head.num_classes, level, 1)

    def scores(self, logits: Tensor) -> Tensor:
        """Heat that is the highest around."""
        return local_peaks(logits.float().sigmoid().flatten(0, 1)).amax(1).unflatten(
            0, logits.shape[:2])

    def losses(self, beginning: Beginning, boxes: Sequence[Tensor], labels: Sequence[Tensor],
               views: Views) -> dict[str, Tensor]:
        """``loss_heatmap`` around projected centers and ``loss_depth`` at them.

        Args:
            boxes: of each sample [M, 9] around gravity centers. labels: [M].
        """
        found: ViewPlaces = beginning.found
        heat = torch.zeros_like(found.logits, dtype=torch.float32)
        depth = torch.zeros_like(found.depth)
        shape = found.logits.new_tensor(found.logits.shape[:-3:-1])
        for sample, (of_sample, names) in enumerate(zip(boxes, labels, strict=True)):
            pixels, far = project_into_views(of_sample[:, :3], views.lidar2img[sample, 0])
            cells = (pixels / found.step).floor().long()                      # [N, M, 2]
            there = (far > DEPTHS[0]) & ((cells >= 0) & (cells < shape)).all(-1)
            there &= ((names >= 0) & (names < self.outputs))[None]
            if views.valid is not None:
                there &= views.valid[sample, 0, :, None]
            camera, which = there.nonzero().unbind(1)
            x, y = cells[camera, which].unbind(1)
            place = camera * self.outputs + names[which]
            flat = heat[sample].flatten(0, 1)
            draw_gaussians(flat, place, torch.stack([x, y], 1), torch.ones_like(x))
            depth[sample, camera, y, x] = fraction(far[camera, which]).to(depth.dtype)
        count = mean_count((heat == 1).sum())
        return dict(loss_heatmap=heatmap_loss(found.logits, heat, count=count),
                    loss_depth=_depth_loss(found.depth, depth, count))


@register_queries('SparseBEVHead', 'image')
class TokenQueries(ViewQueries):
    """Queries at the image tokens that look most like foreground, whatever its class.

    A patch of cells is a token, foreground if its middle lies in the rectangle of an object; the
    token's features, weighed by the score, are the query's.

    Args:
        head: of which it takes sizes.
        level: of the feature maps, 0 the finest.
        patch: cells along the sides of a token.

    Source: Focus-DETR (ICCV 2023), foreground tokens; ASAG (ICCV 2023), anchors from patches chosen
    for each image. A design after their ideas, not their modules.
    """

    def __init__(self, head: nn.Module, level: int = 0, patch: int = 2) -> None:
        super().__init__(head, 1, level, patch)

    def losses(self, beginning: Beginning, boxes: Sequence[Tensor], labels: Sequence[Tensor],
               views: Views) -> dict[str, Tensor]:
        """``loss_foreground`` (focal) and ``loss_depth`` in it; arguments of
        :meth:`HeatmapQueries.losses`."""
        found: ViewPlaces = beginning.found
        depth = torch.stack([
            self._depths(of_sample, views, sample, found) for sample, of_sample
            in enumerate(boxes)]).to(found.depth)
        target = (depth > 0).float()
        count = mean_count(target.sum())
        logits = found.logits[:, :, 0].float()
        wrong = torch.where(target > 0, 1 - logits.sigmoid(), logits.sigmoid())
        weight = torch.where(target > 0, 0.25, 0.75) * wrong.square()
        loss = weight * F.binary_cross_entropy_with_logits(logits, target, reduction='none')
        return dict(loss_foreground=loss.sum() / count,
                    loss_depth=_depth_loss(found.depth, depth, count))

    def _depths(self, boxes: Tensor, views: Views, sample: int, tokens: ViewPlaces) -> Tensor:
        """Depth fraction of the nearest object at the middle of each token, or 0, [N, H, W]."""
        matrices = views.lidar2img[sample, 0].detach().double().cpu().numpy()
        table = boxes.detach().double().cpu().numpy().copy()
        table[:, 2] -= table[:, 5] / 2
        _, far = project_into_views(boxes[:, :3], views.lidar2img[sample, 0])
        found = torch.zeros(tokens.depth.shape[1:])
        missing = () if views.valid is None else \
            (~views.valid[sample, 0]).nonzero().flatten().tolist()
        for camera, matrix in enumerate(matrices):
            if camera in missing:
                continue
            rectangles, whole = project_rectangles(table, matrix)
            sides = clip_rectangles(rectangles, views.image_size) / tokens.step.cpu().numpy()[
                [0, 1, 0, 1]]
            depths = far[camera].cpu()
            for row in depths.argsort(descending=True).tolist():
                if whole[row] and depths[row] > DEPTHS[0]:
                    left, top, right, bottom = (int(side) for side in np.ceil(sides[row] - 0.5))
                    found[camera, top:bottom, left:right] = fraction(depths[row])
        return found


def fraction(depth: Tensor) -> Tensor:
    """Where a depth in meters lies between :data:`DEPTHS`, in logarithms; never 0."""
    low, high = np.log(DEPTHS)
    return ((depth.clamp(*DEPTHS).log() - low) / (high - low)).clamp(min=1e-3)


def meters(depth: Tensor) -> Tensor:
    """The depth of a fraction."""
    low, high = np.log(DEPTHS)
    return (depth * (high - low) + low).exp()


def lifted(
        pixels: Tensor,     # [B, Q, 2] u, v
        depth: Tensor,      # [B, Q] meters
        lidar2img: Tensor,  # [B, N, 4, 4]
        camera: Tensor,     # [B, Q] int64
) -> Tensor:                # [B, Q, 3] meters, LiDAR frame
    """Points that cameras see at pixels, so far away."""
    there = lidar2img.abs().sum((-1, -2)) > 0  # zeros where an image is missing
    identity = torch.eye(4, device=lidar2img.device, dtype=lidar2img.dtype)
    inverse = torch.linalg.inv(torch.where(there[..., None, None], lidar2img, identity))
    chosen = inverse.gather(1, camera[..., None, None].expand(-1, -1, 4, 4))  # [B, Q, 4, 4]
    point = torch.cat([pixels * depth[..., None], depth[..., None],
                       torch.ones_like(depth)[..., None]], -1)
    return (chosen @ point[..., None])[..., :3, 0]


def _depth_loss(depth: Tensor, wanted: Tensor, count: Tensor) -> Tensor:
    """L1 where a depth is wanted (above 0)."""
    return ((depth - wanted).abs() * (wanted > 0)).sum() / count
