"""The layer gives what mmcv's gives, to the bit, and its weights have mmcv's names."""
from __future__ import annotations

import torch
from mmcv.ops import MultiScaleDeformableAttention

from sparse3d.models.query.deformable_attention import DeformableAttention


def test_as_mmcv_to_the_bit():
    options = dict(embed_dims=32, num_heads=4, num_levels=2, num_points=3, dropout=0.0,
                   batch_first=True)
    ours, theirs = DeformableAttention(**options), MultiScaleDeformableAttention(**options)
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    ours.load_state_dict(theirs.state_dict())
    shapes = ((6, 9), (3, 5))
    queries, pixels = torch.randn(3, 7, 32), torch.randn(3, 69, 32, requires_grad=True)
    references, padding = torch.rand(3, 7, 2), torch.rand(3, 69) < 0.2
    found = ours(queries, pixels, references, padding, shapes)
    expected = theirs(
        queries, value=pixels, identity=torch.zeros_like(queries), key_padding_mask=padding,
        reference_points=references[:, :, None].expand(-1, -1, 2, -1),
        spatial_shapes=torch.tensor(shapes), level_start_index=torch.tensor([0, 54]))
    assert torch.equal(found, expected)
    gradients = [torch.autograd.grad(result.square().sum(), pixels)[0]
                 for result in (found, expected)]
    torch.testing.assert_close(*gradients)
