"""How TransFusion's queries begin: at peaks of a heat map, learned, or from tokens of the map."""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from sparse3d.errors import ConfigError
from sparse3d.models.center.heatmap_loss import RARE_BIAS
from sparse3d.models.center.peaks import Peaks
from sparse3d.models.heads.transfusion_queries import FirstQueries
from sparse3d.models.query.initializations import register_queries
from sparse3d.models.query.mean_count import mean_count


@dataclass
class Beginning:
    """Queries before the decoder, and what they were made of.

    Attributes:
        features: [B, Q, C].
        positions: [B, Q, 2] x, y in cells of the map.
        heat: [B, K, H, W] logits, where there is a heat map.
        peaks: of the heat map; without them scores are those of the last layer alone.
        found: what the way's own losses need.
    """

    features: Tensor
    positions: Tensor
    heat: Tensor | None = None
    peaks: Peaks | None = None
    found: Any = None


@register_queries('TransFusionHead', 'heatmap')
class HeatmapQueries(nn.Module):
    """A query for each of the highest peaks of the head's heat map, as published.

    Source: TransFusion (CVPR 2022), section 3.2.
    """

    has_heat = True

    def __init__(self, head: nn.Module) -> None:
        super().__init__()

    def forward(self, head: nn.Module, bev: Tensor) -> Beginning:
        """Heat map, peaks, and the map's features there; ``bev`` [B, C, H, W]."""
        heat = head.heat(bev)
        first: FirstQueries = head.queries_of(heat, bev)
        return Beginning(first.features, first.positions, heat, first.peaks)

    def losses(self, beginning: Beginning, gt_cells: list[Tensor]) -> dict[str, Tensor]:
        """None of its own: the head has the heat map's."""
        return {}


@register_queries('TransFusionHead', 'learned')
class LearnedQueries(nn.Module):
    """Places and features that are learned, the same for every map.

    Args:
        head: of which it takes the number and width of the queries.

    Source: Sparse R-CNN (CVPR 2021), section 3: learned proposal boxes and features.
    """

    has_heat = False

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        count, channels = head.queries.num_queries, head.queries.channels
        side = math.ceil(math.sqrt(count))
        number = torch.arange(count)
        grid = torch.stack([number % side, number // side], 1) + 0.5
        self.position_logits = nn.Parameter((grid / side).clamp(0.01, 0.99).logit())
        self.features = nn.Parameter(torch.randn(count, channels) * 0.1)

    def forward(self, head: nn.Module, bev: Tensor) -> Beginning:
        """The learned queries for each sample of ``bev`` [B, C, H, W]."""
        size = self.position_logits.new_tensor(bev.shape[:-3:-1])
        positions = (self.position_logits.sigmoid() * size).expand(len(bev), -1, -1)
        return Beginning(self.features.expand(len(bev), -1, -1), positions)

    def losses(self, beginning: Beginning, gt_cells: list[Tensor]) -> dict[str, Tensor]:
        """None: the decoder's losses reach them."""
        return {}


@dataclass
class Anchors:
    """What all tokens of a map say.

    Attributes:
        logits: [B, T, A] of being foreground.
        offsets: [B, T, A, 2] x, y of the anchor in its patch, 0 to 1.
        columns: tokens of a row of patches.
    """

    logits: Tensor
    offsets: Tensor
    columns: int


@register_queries('TransFusionHead', 'image')
class TokenQueries(nn.Module):
    """Queries from the tokens of the map, or image from above, that look most like foreground.

    A patch of cells is a token. It has a few anchors, each with a foreground score and a place in
    the patch; the highest over the map become queries, with the token's features weighed by the
    score. The a-th anchor of a patch is foreground where more than a objects have their center.

    Args:
        head: of which it takes the number and width of the queries.
        patch: cells along the sides of a patch.
        anchors: of each token.

    Source: ASAG (ICCV 2023), anchors from patches, chosen for each image; Focus-DETR (ICCV 2023),
    foreground tokens. A design after their ideas, not their modules.
    """

    has_heat = False

    def __init__(self, head: nn.Module, patch: int = 4, anchors: int = 2) -> None:
        super().__init__()
        if not all(type(number) is int and number > 0 for number in (patch, anchors)):
            raise ConfigError(f'queries.patch is {patch!r:.40} and queries.anchors '
                              f'{anchors!r:.40}; use 1 or more cells and anchors')
        channels = head.queries.channels
        self.count, self.patch, self.anchors = head.queries.num_queries, patch, anchors
        self.token = nn.Sequential(nn.Conv2d(channels, channels, patch, patch, bias=False),
                                   nn.BatchNorm2d(channels), nn.ReLU())
        self.anchor = nn.Conv2d(channels, 3 * anchors, 1)
        self.features = nn.Linear(channels, channels)
        self.number = nn.Parameter(torch.randn(anchors, channels) * 0.1)
        nn.init.constant_(self.anchor.bias, 0)
        nn.init.constant_(self.anchor.bias[:anchors], RARE_BIAS)

    def forward(self, head: nn.Module, bev: Tensor) -> Beginning:
        """Queries of each sample of ``bev`` [B, C, H, W]; fewer on a smaller map."""
        over = [-extent % self.patch for extent in bev.shape[-2:]]
        tokens = self.token(F.pad(bev, (0, over[1], 0, over[0])))
        said = self.anchor(tokens).flatten(2).transpose(1, 2)               # [B, T, 3 A]
        logits, offsets = said[..., :self.anchors], said[..., self.anchors:]
        offsets = offsets.unflatten(-1, (self.anchors, 2)).sigmoid()
        found = Anchors(logits, offsets, tokens.shape[-1])
        score, place = logits.flatten(1).sigmoid().topk(
            min(self.count, logits[0].numel()), dim=1)
        token, number = place.div(self.anchors, rounding_mode='floor'), place % self.anchors
        chosen = _rows(offsets.flatten(1, 2), place)
        corner = torch.stack([token % found.columns, token.div(
            found.columns, rounding_mode='floor')], -1)
        features = self.features(_rows(tokens.flatten(2).transpose(1, 2), token))
        return Beginning((features + self.number[number]) * score[..., None],
                         (corner + chosen) * self.patch, found=found)

    def losses(self, beginning: Beginning, gt_cells: list[Tensor]) -> dict[str, Tensor]:
        """``loss_foreground`` (focal) and ``loss_anchor`` (L1 of places in the patch).

        Args:
            gt_cells: of each sample [n, 2] x, y of the centers in cells.
        """
        found: Anchors = beginning.found
        target = torch.zeros_like(found.logits)
        wanted = torch.zeros_like(found.offsets)
        rows = found.logits.shape[1] // found.columns
        for sample, cells in enumerate(gt_cells):
            place = cells.div(self.patch, rounding_mode='floor')
            there = ((place >= 0) & (place < place.new_tensor([found.columns, rows]))).all(1)
            token = (place[:, 1] * found.columns + place[:, 0]).long()[there]
            offset = (cells / self.patch - place)[there]
            rank = (token[:, None] == token).tril(-1).sum(1)
            fits = rank < self.anchors
            target[sample, token[fits], rank[fits]] = 1
            wanted[sample, token[fits], rank[fits]] = offset[fits].to(wanted.dtype)
        count = mean_count(target.sum())
        return dict(
            loss_foreground=foreground_loss(found.logits, target, count),
            loss_anchor=((found.offsets - wanted).abs() * target[..., None]).sum() / count)


def foreground_loss(logits: Tensor, target: Tensor, count: Tensor) -> Tensor:
    """Focal loss of foreground scores, gamma 2 and alpha 0.25, divided by the foreground."""
    score = logits.float().sigmoid()
    wrong = torch.where(target > 0, 1 - score, score)
    weight = torch.where(target > 0, 0.25, 0.75) * wrong.square()
    return (weight * F.binary_cross_entropy_with_logits(
        logits.float(), target.float(), reduction='none')).sum() / count


def _rows(table: Tensor, rows: Tensor) -> Tensor:  # [B, R, C], [B, Q] -> [B, Q, C]
    return table.gather(1, rows[..., None].expand(-1, -1, table.shape[-1]))
