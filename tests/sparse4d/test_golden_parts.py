"""Every stored operator of the published v3: encoder, projection, attention, aggregation, bank."""
from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from sparse3d.ops.packed_maps import pack_maps
from sparse3d.structures.cameras import Cameras
from sparse4d.aggregation import places_in_images
from sparse4d.anchors import projected
from sparse4d.detections import DetectionOptions, decode
from sparse4d.frame import Frame
from sparse4d.instance_bank import BankOptions, InstanceBank
from sparse4d.published import Sparse4DPublished
from sparse4d.published_checkpoint import QUIRKS
from sparse4d_golden import arrays, drawn_map, head_of

pytestmark = pytest.mark.usefixtures('one_thread')


@pytest.fixture(scope='module')
def given(stored):
    return arrays(stored, 'ops_inputs')


@pytest.fixture(scope='module')
def expected(stored):
    return arrays(stored, 'ops_outputs')


@pytest.fixture(scope='module')
def head(stored):
    with torch.no_grad():
        return head_of(stored, 'v3').requires_grad_(False)


def close(ours: torch.Tensor, stored: torch.Tensor, tolerance: float = 1e-4) -> None:
    """Differences relative to the largest number."""
    assert ours.shape == stored.shape
    assert (ours - stored).abs().max() <= tolerance * stored.abs().max().clip(min=1e-9)


def test_anchors_are_embedded_and_projected(head, given, expected):
    close(head.anchor_encoder(given['enc_box']), expected['enc_out'])
    moved = given['proj_anchor'], given['proj_T_src2dst'].float(), given['proj_dt']
    close(projected(*moved, swapped_yaw=True), expected['proj_out'])
    close(projected(*moved), expected['proj_out_yaw_fixed'])
    assert (expected['proj_out'] - expected['proj_out_yaw_fixed']).abs().max() > 0.1


def test_attention_and_feed_forward(head, given, expected):
    layer, values = head.layers[1], head.values
    query, place, key, key_place = (
        given[f'attn_{name}'] for name in ('query', 'query_pos', 'key', 'key_pos'))
    temporal, own, hidden = layer.temporal_attention, layer.self_attention, given['attn_mask']
    close(values(temporal, query, place, (key, key_place)), expected['attn_temporal'])
    close(values(temporal, query, place, plain_values=True), expected['attn_temporal_first_frame'])
    close(values(temporal, query, place, plain_values=True, attn_mask=hidden),
          expected['attn_temporal_first_frame_masked'])
    close(values(own, query, place), expected['attn_self'])
    close(values(own, query, place, attn_mask=hidden), expected['attn_self_masked'])
    close(layer.feedforward(given['ffn_in']), expected['ffn_out'])


def test_refinement(head, given, expected):
    anchors, logits, quality = head.layers[1].refinement(
        given['ref_feature'], given['ref_anchor'], given['ref_embed'], given['ref_time_interval'])
    close(anchors, expected['ref_anchor'])
    close(logits, expected['ref_cls'])
    close(quality, expected['ref_quality'])


@pytest.mark.parametrize('backend', ['reference', 'fast'])
def test_aggregation(head, given, expected, backend):
    aggregation = head.layers[1].aggregation
    aggregation.backend = backend
    width, height = given['def_image_wh'][0, 0].int().tolist()
    cameras = Cameras.of_matrices(given['def_projection_mat'], (height, width))
    maps = pack_maps([drawn_map(f'ops.def_feat{level}', (2, 6, 256, *size))
                      for level, size in enumerate(((4, 12), (2, 6), (1, 3), (1, 2)))])
    features, anchors, embedding = (
        given[f'def_{name}'] for name in ('feature', 'anchor', 'embed'))
    points = aggregation.key_points(anchors, features)
    close(points, expected['def_key_points'])
    places = places_in_images(points, cameras).permute(0, 3, 1, 2, 4)
    near = (expected['def_points_2d'].abs() < 10).all(-1)
    close(places[near], expected['def_points_2d'][near])
    close(aggregation.weighting.embed(cameras), expected['def_camera_embed'])
    weights = aggregation.weighting(features + embedding, cameras).permute(0, 1, 3, 4, 2, 5)
    close(weights[:, :4], expected['def_weights'])
    aggregation.weighting.dropout = 0.15
    close(aggregation.weighting.drop(weights, given['drop_rand']).sum((2, 3)),
          expected['drop_weights_sum'])
    for border, name in (('inside', 'def_out'), ('cells', 'def_out_gridsample')):
        aggregation.border = border
        close(aggregation(features, anchors, embedding, maps, cameras), expected[name])
    assert (expected['def_out'] - expected['def_out_gridsample']).abs().max() > 0.1


@pytest.mark.parametrize(('name', 'with_ids', 'with_quality', 'threshold'), [
    ('ids', True, True, None), ('ids_thr', True, True, 0.2), ('noids', False, True, None),
    ('plain', False, False, None), ('ids_noqual', True, False, 0.15)])
@pytest.mark.parametrize('sample', [0, 1])
def test_decoding(given, expected, name, with_ids, with_quality, threshold, sample):
    found = decode(given['dec_cls'][sample], given['dec_pred'][sample],
                   given['dec_quality'][sample] if with_quality else None,
                   given['dec_ids'][sample] if with_ids else None,
                   DetectionOptions(20, threshold), unsorted_class_scores=True)
    prefix = f'dec_{name}_{sample}_'
    close(found.boxes, expected[f'{prefix}boxes_3d'])
    close(found.scores, expected[f'{prefix}scores_3d'])
    assert found.labels.equal(expected[f'{prefix}labels_3d'])
    if with_quality:
        close(found.class_scores, expected[f'{prefix}cls_scores'])
        right = decode(given['dec_cls'][sample], given['dec_pred'][sample],
                       given['dec_quality'][sample], options=DetectionOptions(20))
        assert (right.class_scores >= right.scores).all()  # their own: centerness only lowers
    if with_ids:
        assert found.ids.equal(expected[f'{prefix}instance_ids'])


def test_the_bank_over_six_steps(given, expected):
    """Another scene in one sample, ids by confidence, and at last another number of samples."""
    bank = InstanceBank(4, BankOptions(12, 7), Sparse4DPublished(**QUIRKS['v3']))
    bank.anchor.data, bank.instance_feature.data = given['bank_anchor'], given['bank_feature']
    state = None
    for number in range(6):
        if number == 3:
            bank.options = replace(bank.options, id_threshold=0.6)
        batch, prefix = 1 if number == 5 else 2, f'bank{number}_'
        frame = Frame(None, 1e9 + given['bank_dt'][number][:batch],
                      given[f'bank_T{number}'][:batch])
        step = bank.get(frame, state)
        close(step.interval, expected[f'{prefix}time_interval'])
        if f'{prefix}projected' in expected:
            close(step.state.anchors, expected[f'{prefix}projected'])
            assert step.kept.equal(expected[f'{prefix}mask'])
        features, anchors = bank.update(step, step.features, step.anchors, given[f'{prefix}cls0'])
        close(features, expected[f'{prefix}updated_feature'])
        close(anchors, expected[f'{prefix}updated_anchor'])
        state, ids = bank.cache(step, features + given[f'{prefix}dfeature'],
                                anchors + given[f'{prefix}danchor'], given[f'{prefix}cls5'],
                                frame, with_ids=True)
        close(state.confidence, expected[f'{prefix}confidence'])
        close(state.features, expected[f'{prefix}cached_feature'])
        close(state.anchors, expected[f'{prefix}cached_anchor'])
        assert ids.equal(expected[f'{prefix}ids'])
        assert state.ids.equal(expected[f'{prefix}cached_ids'][:, :7])
        assert state.next_id == expected[f'{prefix}prev_id']
