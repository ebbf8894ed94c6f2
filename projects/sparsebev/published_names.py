"""Names of released SparseBEV tensors and ours; the older box convention."""
from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

LAYER = 'pts_bbox_head.transformer.decoder.decoder_layer.'
ATTENTION = 'bbox_head.layer.self_attention.'
LEGACY_VERSION = 'v0.17.1'

# Released prefix -> ours, the first that fits.
PREFIXES = (
    (f'{LAYER}self_attn.attention.attn.in_proj_', f'{ATTENTION}query_key_value.'),
    (f'{LAYER}self_attn.attention.attn.out_proj.', f'{ATTENTION}output.'),
    (f'{LAYER}self_attn.gen_tau.', f'{ATTENTION}tau.'),
    (f'{LAYER}mixing.out_proj.', 'bbox_head.layer.mixing.output.'),
    (f'{LAYER}ffn.', 'bbox_head.layer.feedforward.'),
    (f'{LAYER}norm1.', 'bbox_head.layer.norms.0.'),
    (f'{LAYER}norm2.', 'bbox_head.layer.norms.1.'),
    (f'{LAYER}norm3.', 'bbox_head.layer.norms.2.'),
    (f'{LAYER}cls_branch.', 'bbox_head.layer.classification.'),
    (f'{LAYER}reg_branch.', 'bbox_head.layer.regression.'),
    (LAYER, 'bbox_head.layer.'),
    ('pts_bbox_head.init_query_bbox.weight', 'bbox_head.query_boxes'),
    ('pts_bbox_head.label_enc.', 'bbox_head.label_embedding.'),
    ('img_backbone.backbone.', 'backbone.'),  # EVA-02 with its pyramid
    ('img_backbone.', 'backbone.'),
    ('img_neck.', 'neck.'),
)
# Constants of the architecture that released files carry along.
CONSTANTS = re.compile(r'pts_bbox_head\.code_weights|.*\.freqs_(cos|sin)')


def ours(name: str) -> str | None:
    """Our name of a released tensor; None for a constant or an unknown name."""
    if CONSTANTS.fullmatch(name):
        return None
    for theirs, prefix in PREFIXES:
        if name.startswith(theirs):
            return prefix + name.removeprefix(theirs)
    return None


def from_legacy_convention(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of a ``v0.17.1`` file, changed so that the same network speaks of boxes of today.

    Those weights predict width before length and yaw_old = -yaw - pi/2, and turn sampling
    offsets the other way. Rows and columns are exchanged, so nothing is lost.
    """
    changed = dict(published)
    for part in ('weight', 'bias'):
        name = f'{LAYER}reg_branch.4.{part}'
        changed[name] = _today(changed[name])
        name = f'{LAYER}sampling.sampling_offset.{part}'
        changed[name] = _quarter_turn(changed[name])
    queries = 'pts_bbox_head.init_query_bbox.weight'
    changed[queries] = _today(changed[queries].t()).t().contiguous()
    return changed


def _today(rows: Tensor) -> Tensor:
    """Rows of a query box: sizes 3 and 4 change places, (sin, cos) becomes (-cos, -sin)."""
    order = torch.tensor([0, 1, 2, 4, 3, 5, 7, 6, 8, 9])
    sign = torch.tensor([1, 1, 1, 1, 1, 1, -1, -1, 1, 1], dtype=rows.dtype)
    return rows[order] * sign.view(-1, *[1] * (rows.dim() - 1))


def _quarter_turn(rows: Tensor) -> Tensor:
    """Each (x, y, z) of the offsets becomes (-y, x, z)."""
    x, y, z = rows.unflatten(0, (-1, 3)).unbind(1)
    return torch.stack([-y, x, z], 1).flatten(0, 1)
