"""Projection of 3D points into several views, and the choice of one view for each point."""
from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from sparse3d.structures.cameras import project_into_views
from sparse3d.structures.projection import NEAR

FARTHEST = 4.0  # image widths; a bound for points behind a camera, far outside what is read


class ChosenViews(NamedTuple):
    """Where each point is read.

    Attributes:
        position: [B, Q, T, P, 2] x and y as fractions of image width and height.
        view: [B, Q, T, P] index of the view.
        weight: [B, Q, T, P] 1 where the point is read, 0 where nobody sees it.
    """

    position: Tensor
    view: Tensor
    weight: Tensor


def project_to_views(points: Tensor, lidar2img: Tensor,
                     image_size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Project every point into every view of its frame.

    Args:
        points: [B, Q, T, P, 3] meters, LiDAR frame of now.
        lidar2img: [B, T, N, 4, 4] to pixels.
        image_size: height and width in pixels that ``lidar2img`` projects to.

    Returns:
        [B, Q, T, P, N, 2] x and y as fractions of width and height, bounded, and
        [B, Q, T, P, N] depth in meters; at least in float32.
    """
    queries, count = points.shape[1], points.shape[3]
    columns = points.permute(0, 2, 4, 1, 3).flatten(3)              # [B, T, 3, Q*P]
    pixels, depth = project_into_views(columns.transpose(2, 3), lidar2img)
    pixels = pixels.unflatten(3, (queries, count)).permute(0, 3, 1, 4, 2, 5)
    depth = depth.unflatten(3, (queries, count)).permute(0, 3, 1, 4, 2)
    height, width = image_size
    position = pixels / pixels.new_tensor([width, height])          # [B, Q, T, P, N, 2]
    return position.clamp(-FARTHEST, FARTHEST), depth


def choose_views(
        points: Tensor,                   # [B, Q, T, P, 3]
        lidar2img: Tensor,                # [B, T, N, 4, 4]
        image_size: tuple[int, int],
        valid: Tensor | None = None,  # [B, T, N] False where an image is missing
        published_view_choice: bool = False,
) -> ChosenViews:
    """Choose for each point the view in which it lies deepest inside the image.

    The choice does not depend on the order of the views, and a point that nobody
    sees is not read at all.

    Args:
        published_view_choice: as SparseBEV was released: the first view in list order
            that sees the point; a point that nobody sees is read in the first view,
            so that it contributes when it lies less than a cell outside.

    Source: SparseBEV (ICCV 2023), section 3.3, and its released code.
    """
    if valid is not None:  # zero times NaN is NaN, in gradients too: no matrix of a missing image
        lidar2img = lidar2img.masked_fill(~valid[..., None, None], 0)
    position, depth = project_to_views(points, lidar2img, image_size)
    margin = torch.minimum(position, 1 - position).amin(-1)         # [B, Q, T, P, N]
    seen = (margin > 0) & (depth > NEAR)
    if valid is not None:
        present = valid[:, None, :, None].expand_as(seen)
        seen = seen & present
    if published_view_choice:
        order = torch.arange(seen.shape[-1], 0, -1, device=seen.device)
        view = (seen * order).argmax(-1)
        weight = torch.ones_like(margin[..., 0]) if valid is None else \
            present.gather(-1, view[..., None])[..., 0].to(margin.dtype)
    else:
        view = margin.detach().masked_fill(~seen, -1).argmax(-1)
        weight = seen.any(-1).to(margin.dtype)
    index = view[..., None, None].expand(*view.shape, 1, 2)
    return ChosenViews(position.gather(-2, index)[..., 0, :], view, weight)
