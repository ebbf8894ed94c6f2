"""The stored heads of v2 and v1: recurrence, queue of frames, detections, losses."""
from __future__ import annotations

import pytest
import torch

from sparse3d.ops.packed_maps import pack_maps
from sparse4d.aggregation import AggregationWeights
from sparse4d.frames_head import FrameQueue
from sparse4d.frames_training import Sparse4DFramesTraining
from sparse4d.head import decoded
from sparse4d.training import Objects, Sparse4DTraining
from sparse4d_golden import arrays, frame_of, head_of, maps_of_head

pytestmark = pytest.mark.usefixtures('one_thread')
OF_V1 = dict(code_weights=[2, 2, 2, *[1] * 7], round_classes=[9],
             round_weights=[*[1] * 6, 0, 0, 1, 1])
LOGITS, ANCHORS = 6e-4, 6e-3  # ten times the float noise


@pytest.fixture(scope='module')
def inputs(stored):
    return arrays(stored, 'inputs')


@pytest.fixture(scope='module')
def expected(stored):
    return arrays(stored, 'heads_outputs')


def close(ours: torch.Tensor, stored: torch.Tensor, tolerance: float) -> None:
    assert ours.shape == stored.shape
    assert (ours - stored).abs().max() < tolerance


def same_detections(head, outputs, expected, prefix: str) -> None:
    for sample, found in enumerate(decoded(outputs, head.detection_options, head.published)):
        close(found.boxes, expected[f'{prefix}det{sample}_boxes_3d'], ANCHORS)
        close(found.scores, expected[f'{prefix}det{sample}_scores_3d'], 1e-4)
        assert found.labels.equal(expected[f'{prefix}det{sample}_labels_3d'])


@torch.no_grad()
def test_v2_over_three_frames(stored, inputs, expected):
    head, state = head_of(stored, 'v2'), None
    assert (head.bank.options.num_anchors, head.bank.options.num_temporal) == (60, 40)
    for number, step in enumerate((0, 1, 3)):
        outputs, state = head(maps_of_head('v2', number), frame_of(inputs, step), state)
        prefix = f'v2_f{number}_'
        for name, value in (('cls0', outputs.logits[0]), ('cls', outputs.logits[-1])):
            close(value, expected[prefix + name], LOGITS)
        for name, value in (('pred0', outputs.anchors[0]), ('pred', outputs.anchors[-1])):
            close(value, expected[prefix + name], ANCHORS)
        if number:
            assert outputs.step.kept.equal(expected[f'{prefix}mask'])
        close(state.anchors, expected[f'{prefix}bank_anchor'], ANCHORS)
        close(state.confidence, expected[f'{prefix}bank_confidence'], 1e-4)
        stride = state.features.shape[2] // expected[f'{prefix}bank_feature_s'].shape[2]
        close(state.features[..., ::stride], expected[f'{prefix}bank_feature_s'], 1e-3)
        if number == 1:
            for layer in range(1, 5):
                close(outputs.anchors[layer], expected[f'{prefix}pred{layer}'], ANCHORS)
            same_detections(head, outputs, expected, prefix)


@torch.no_grad()
def test_v1_over_four_frames(stored, inputs, expected):
    head, queue = head_of(stored, 'v1'), None
    for number in range(4):
        outputs, queue = head(maps_of_head('v1', number), frame_of(inputs, number), queue)
        prefix = f'v1_f{number}_'
        close(outputs.anchors[0], expected[f'{prefix}pred0'], ANCHORS)
        close(outputs.logits[-1], expected[f'{prefix}cls'], LOGITS)
        close(outputs.anchors[-1], expected[f'{prefix}pred'], ANCHORS)
        if number == 1:
            for layer in range(1, 5):
                close(outputs.anchors[layer], expected[f'{prefix}pred{layer}'], ANCHORS)
            same_detections(head, outputs, expected, prefix)
    assert len(queue.frames) == 3


@torch.no_grad()
@pytest.mark.parametrize('quirk', ['stale_keys', 'grid_sample_border', 'constant_interval'])
def test_each_quirk_of_v1_is_needed(stored, inputs, expected, quirk):
    head, queue = head_of(stored, 'v1', **{quirk: False}), None
    for number in (2, 3):  # between them a sample goes to another scene, 23 s later
        outputs, queue = head(maps_of_head('v1', number), frame_of(inputs, number), queue)
    right = head_of(stored, 'v1')
    queue = None
    for number in (2, 3):
        published, queue = right(maps_of_head('v1', number), frame_of(inputs, number), queue)
    assert (outputs.anchors[-1] - published.anchors[-1]).abs().max() > 0.01


@torch.no_grad()
def test_v1_reads_no_frame_of_another_scene(stored, inputs):
    """Without the quirk a sample of a new scene is as it is alone."""
    head = head_of(stored, 'v1', stale_keys=False)
    maps, frame = maps_of_head('v1', 3), frame_of(inputs, 3)
    _, queue = head(maps_of_head('v1', 2), frame_of(inputs, 2))
    after, _ = head(maps, frame, queue)
    alone, _ = head(maps, frame)
    close(after.anchors[-1][0], alone.anchors[-1][0], 1e-4)
    assert (after.anchors[-1][1] - alone.anchors[-1][1]).abs().max() > 0.01


# Training ---------------------------------------------------------------------


def learning(head):
    """The head in training, without anything random."""
    for module in head.train().modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        if isinstance(module, torch.nn.MultiheadAttention):
            module.dropout = 0.0
        if isinstance(module, AggregationWeights):
            module.dropout = 0.0
    return head


def objects_of(stored, version: str) -> Objects:
    given = arrays(stored, 'heads_inputs')
    boxes, labels = ([given[f'{version}_gt_{what}{sample}'] for sample in range(2)]
                     for what in ('boxes', 'labels'))
    return Objects([sample.float() for sample in boxes], [sample.long() for sample in labels])


def same_losses(found, expected, version: str) -> None:
    wanted = {name.removeprefix(f'{version}_loss.').replace('loss_reg', 'loss_box'): float(value)
              for name, value in expected.items() if name.startswith(f'{version}_loss.')}
    assert {name: float(value) for name, value in found.items()} == pytest.approx(wanted, rel=1e-4)


def same_outputs(outputs, expected, version: str) -> None:
    close(outputs.logits[0].detach(), expected[f'{version}_train_cls0'], LOGITS)
    close(outputs.logits[-1].detach(), expected[f'{version}_train_cls'], LOGITS)
    close(outputs.anchors[-1].detach(), expected[f'{version}_train_pred'], ANCHORS)


def test_v2_losses_of_a_first_frame(stored, inputs, expected):
    head, objects = learning(head_of(stored, 'v2')), objects_of(stored, 'v2')
    training = Sparse4DTraining(10, dict(round_classes=[9]),
                                denoising=dict(num_groups=0, num_temporal_groups=0))
    outputs, _ = head(maps_of_head('v2', 0), frame_of(inputs, 0))
    same_outputs(outputs, expected, 'v2')
    same_losses(training.of_outputs(outputs, None, objects, None), expected, 'v2')


def test_v1_losses_behind_two_frames(stored, inputs, expected):
    head, objects = learning(head_of(stored, 'v1')), objects_of(stored, 'v1')
    training = Sparse4DFramesTraining(10, OF_V1)
    queue = FrameQueue(tuple((pack_maps(maps_of_head('v1', number)), frame_of(inputs, number))
                             for number in (1, 0)))
    maps, frame = maps_of_head('v1', 2), frame_of(inputs, 2)
    outputs, _ = head(maps, frame, queue)
    same_outputs(outputs, expected, 'v1')
    losses = training.of_outputs(outputs, None, objects, None)
    losses['loss_depth'] = training.depth_loss(head, maps, frame, objects)
    same_losses(losses, expected, 'v1')
    sum(losses.values()).backward()
    assert head.depth.output.weight.grad.abs().max() > 0
