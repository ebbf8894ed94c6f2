"""Views one after the other, as the release works on them: the reference for all at once."""
from __future__ import annotations

import torch
from torch import Tensor

from sparsefusion.deformable_decoder_layer import DeformableDecoderLayer
from sparsefusion.image_pyramid import ImagePyramid


def decode_view_by_view(
        layer: DeformableDecoderLayer,
        queries: Tensor,     # [B, items, C]  of every sample
        positions: Tensor,   # [B * N, items, P]  of every item in every view
        references: Tensor,  # [B * N, items, 2]
        member: Tensor,      # [B * N, items] bool, what a view holds
        images: ImagePyramid,
) -> Tensor:                 # [B, items, C]; minus infinity for items in no view
    """Run a deformable layer once for each view, and keep the highest of each channel.

    Without padding, and so without masks: an oracle for :class:`ViewGroups`.
    """
    views = len(member) // len(queries)
    result = torch.full_like(queries, -torch.inf)
    for group, chosen in enumerate(member):
        if not chosen.any():
            continue
        sample = group // views
        one = ImagePyramid([level[group:group + 1] for level in images.levels],
                           images.padding[group:group + 1], images.positions)
        nothing_padded = torch.zeros_like(chosen[chosen])[None]
        found = layer(queries[sample, chosen][None], positions[group, chosen][None],
                      references[group, chosen][None], nothing_padded, one)
        highest = torch.maximum(result[sample, chosen], found[0])
        result = result.index_put(
            (torch.tensor([sample], device=member.device), chosen.nonzero().flatten()), highest)
    return result
