"""The stored heads of v2 and v1: recurrence, queue of frames, detections."""
from __future__ import annotations

import pytest
import torch

from sparse4d.head import decoded
from sparse4d_golden import arrays, frame_of, head_of, maps_of_head

pytestmark = pytest.mark.usefixtures('one_thread')
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
