"""All views at once against one after the other, as the release works on them."""
from __future__ import annotations

import torch

import sparsefusion.register  # noqa: F401
from sparse3d.structures.camera_rig import CameraRig
from sparse3d.structures.cameras import Cameras
from sparse3d_benchmarks.sparsefusion_view_loop import decode_view_by_view
from sparsefusion.deformable_decoder_layer import DeformableDecoderLayer
from sparsefusion.image_pyramid import ImagePyramid, padded_pixels
from sparsefusion.query_attention import QueryAttention
from sparsefusion.view_groups import ViewGroups

SAMPLES, VIEWS, ITEMS, CHANNELS = 2, 3, 7, 16


def rig(size: tuple[float, float] = (64.0, 48.0)) -> CameraRig:
    eye = torch.eye(4).expand(SAMPLES, VIEWS, 4, 4)
    valid = torch.ones(SAMPLES, VIEWS, dtype=torch.bool)
    valid[1, 2] = False
    sizes = torch.tensor(size[::-1]).expand(SAMPLES, VIEWS, 2)
    return CameraRig.of(Cameras(eye, sizes, (64, 96), valid))


def pyramid() -> ImagePyramid:
    levels = [torch.randn(SAMPLES * VIEWS, CHANNELS, 16 // 2 ** level, 24 // 2 ** level)
              for level in range(2)]
    return ImagePyramid.of(levels, rig(), 4)


def test_views_at_once_give_what_a_loop_over_them_gives():
    layer = DeformableDecoderLayer(
        3, CHANNELS, num_heads=2, feedforward_channels=32, num_levels=2
    ).eval()
    torch.nn.init.normal_(layer.image_attention.sampling_offsets.weight, std=0.1)
    torch.nn.init.normal_(layer.image_attention.attention_weights.weight)
    images = pyramid()
    cells = torch.randn(SAMPLES, ITEMS, CHANNELS, requires_grad=True)
    positions = torch.randn(SAMPLES * VIEWS, ITEMS, 3)
    references = torch.rand(SAMPLES * VIEWS, ITEMS, 2)
    member = torch.rand(SAMPLES * VIEWS, ITEMS) > 0.5
    member[1], member[2] = False, False
    member[2, 0] = True  # a view of one, a view of none
    groups = ViewGroups.of(member)
    found = layer(groups.take_shared(cells), groups.take(positions), groups.take(references),
                  groups.padding, images)
    found = groups.put_back(found, SAMPLES, ITEMS)
    loop = decode_view_by_view(layer, cells, positions, references, member, images)
    torch.testing.assert_close(found, loop)
    gradients = [torch.autograd.grad(result[result.isfinite()].square().sum(), cells)[0]
                 for result in (found, loop)]
    torch.testing.assert_close(*gradients, atol=1e-4, rtol=1e-4)


def test_pixels_of_padding_and_of_absent_cameras_are_marked():
    images = pyramid()
    first = images.padding[0].split([16 * 24, 8 * 12])
    assert (~first[0]).sum() == 16 * 12 and (~first[1]).sum() == 8 * 6
    assert images.padding[-1].all()
    assert images.shapes == ((16, 24), (8, 12))
    odd = padded_pixels(images.levels, rig((50.0, 20.0)), 4)[0].split([384, 96])
    assert (~odd[0]).sum() == 12 * 5 and (~odd[1]).sum() == 6 * 2  # 12.5 and 5, then halves


def test_queries_that_are_absent_change_nothing_for_the_others():
    layer = QueryAttention(2, CHANNELS, num_heads=2, feedforward_channels=32).eval()
    queries, positions = torch.randn(1, 5, CHANNELS), torch.randn(1, 5, 2)
    absent = torch.tensor([[False, False, True, False, True]])
    changed = torch.where(absent[..., None], 9.0, queries)
    here = ~absent[0]
    torch.testing.assert_close(layer(queries, positions, absent)[0, here],
                               layer(changed, positions, absent)[0, here])
    nobody = torch.ones(1, 5, dtype=torch.bool)
    assert layer(queries, positions, nobody).isfinite().all()
    assert layer(queries[:, :0], positions[:, :0], absent[:, :0]).shape == (1, 0, CHANNELS)


def test_dropout_of_both_layers_acts_in_training_alone():
    """Of everything: normalizations of the queries are left."""
    queries, positions = torch.randn(2, 4, CHANNELS), torch.randn(2, 4, 3)
    attention = QueryAttention(3, CHANNELS, num_heads=2, feedforward_channels=32, dropout=1.0)
    nobody = torch.zeros(2, 4, dtype=torch.bool)
    expected = attention.feed_forward.norm(attention.attention.norm(queries))
    assert torch.equal(attention.train()(queries, positions, nobody), expected)
    assert not torch.allclose(attention.eval()(queries, positions, nobody), expected)

    layer = DeformableDecoderLayer(3, CHANNELS, num_heads=2, feedforward_channels=32, dropout=1.0,
                                   num_levels=2)
    queries = torch.randn(SAMPLES * VIEWS, 4, CHANNELS)
    positions = torch.rand(SAMPLES * VIEWS, 4, 3)
    given = queries, positions, positions[..., :2], torch.zeros(
        SAMPLES * VIEWS, 4, dtype=torch.bool), pyramid()
    expected = layer.feed_forward.norm(layer.norm(layer.self_attention.norm(queries)))
    torch.testing.assert_close(layer.train()(*given), expected)
    assert not torch.allclose(layer.eval()(*given), expected)


def test_a_sample_without_anybody_looks_at_itself_and_another_is_not_disturbed():
    attention = QueryAttention(3, CHANNELS, num_heads=2, feedforward_channels=32).eval()
    queries, positions = torch.randn(2, 4, CHANNELS), torch.randn(2, 4, 3)
    absent = torch.tensor([[True] * 4, [True, False, False, False]])
    found = attention(queries, positions, absent)
    assert found.isfinite().all()
    torch.testing.assert_close(found[:1], attention(queries[:1], positions[:1],
                                                    torch.zeros(1, 4, dtype=torch.bool)))
    changed = queries.clone()
    changed[1, 0] += 10.0                     # nobody looks at it but it changes itself
    again = attention(changed, positions, absent)
    torch.testing.assert_close(again[1, 1:], found[1, 1:])
    assert not torch.allclose(again[1, 0], found[1, 0])
