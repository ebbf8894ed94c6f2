"""Queries, boxes, targets, losses and gradients of the released models with TransFusion heads."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from mmdet3d.structures import LiDARInstance3DBoxes
from mmengine.structures import InstanceData

FEATURES = dict(rtol=1e-5, atol=1e-4)


@pytest.fixture(scope='module', params=['nus', 'hednus'])
def run(request, run_of):
    return run_of(request.param)


def truth(run) -> list[InstanceData]:
    return [InstanceData(bboxes_3d=LiDARInstance3DBoxes(boxes, box_dim=9, origin=(0.5, 0.5, 0.5)),
                         labels_3d=labels)
            for boxes, labels in zip(*run.golden.boxes(run.kind), strict=True)]


def test_heat(run_of):
    run = run_of('nus')
    where = np.argwhere(run.head.active[:, 0].numpy())
    np.testing.assert_array_equal(where, run.stored('head_coords'))
    heat = run.head.heat.detach().permute(0, 2, 3, 1)[tuple(where.T)]
    np.testing.assert_allclose(heat[::8], run.stored('head_heat_rows'), **FEATURES)
    digest = torch.stack([heat.mean(1), heat.norm(dim=1)], 1)
    np.testing.assert_allclose(digest, run.stored('head_heat_digest'), **FEATURES)
    shared = run.head.features.detach().permute(0, 2, 3, 1)[tuple(where.T)]
    np.testing.assert_allclose(shared[::64], run.stored('head_shared_rows'), **FEATURES)


def test_heat_of_the_dense_head(run_of):
    run = run_of('hednus')
    heat = run.head.heat.detach()
    np.testing.assert_allclose(heat[..., ::4, ::4], run.stored('head_dense_heatmap'), **FEATURES)
    digest = torch.stack([heat.mean(1), heat.norm(dim=1)], 1)
    np.testing.assert_allclose(digest, run.stored('head_dense_heatmap_digest'), **FEATURES)


def test_queries_and_branches(run):
    np.testing.assert_array_equal(run.head.peaks.labels, run.stored('query_labels'))
    np.testing.assert_allclose(run.head.positions, run.stored('query_pos'), **FEATURES)
    first = run.model.bbox_head.queries_of(run.head.heat, run.head.features).features
    for found, name in ((first, 'query_in'), (run.head.queries, 'query_out')):
        np.testing.assert_allclose(found.detach().transpose(1, 2), run.stored(name), **FEATURES)
    layer, = run.head.layers
    for name, values in layer.items():
        np.testing.assert_allclose(values.detach(), run.stored(f'head_{name}'), **FEATURES,
                                   err_msg=name)


@pytest.mark.parametrize('sample', [0, 1])
def test_boxes(run, sample):
    found = run.model.bbox_head.predict_of(run.head)[sample]
    np.testing.assert_array_equal(found.labels_3d + 1, run.stored(f'final{sample}_labels'))
    np.testing.assert_allclose(found.scores_3d.detach(), run.stored(f'final{sample}_scores'),
                               rtol=0, atol=1e-5)
    boxes = torch.cat([found.bboxes_3d.gravity_center, found.bboxes_3d.tensor[:, 3:]], 1).detach()
    np.testing.assert_allclose(boxes, run.stored(f'final{sample}_boxes'), rtol=0, atol=2e-4)


def test_targets(run):
    head = run.model.bbox_head
    gt = [(own.bboxes_3d.tensor, own.labels_3d) for own in truth(run)]
    targets = head.targets(run.head.layers[0], gt)
    np.testing.assert_array_equal(targets.labels, run.loss('target_labels'))
    np.testing.assert_allclose(targets.codes, run.loss('target_boxes'), rtol=1e-5, atol=1e-4)
    assert int(targets.positives.sum()) == int(run.loss('num_pos'))


def test_heat_target(run_of):
    from safdnet.sparse_transfusion_head import active_heat_target
    run = run_of('nus')
    head = run.model.bbox_head
    gt = [(own.bboxes_3d.tensor, own.labels_3d) for own in truth(run)]
    found = active_heat_target(gt, run.head.active, head.coder.grid, head.num_classes)
    stored = np.zeros(found.shape, np.float32)
    stored[tuple(run.loss('heat_nz').T)] = run.loss('heat_val')
    np.testing.assert_allclose(found, stored, rtol=0, atol=1e-6)


def losses_of(run) -> dict[str, torch.Tensor]:
    losses = run.model.bbox_head.loss_of(run.head, truth(run))
    if run.found is not None:
        losses.update(run.model.diffusion.losses(run.found, *run.golden.boxes(run.kind)))
    return losses


def test_losses(run):
    losses = losses_of(run)
    pairs = [('loss_heatmap', 'heatmap'), ('layer_0_loss_cls', 'cls'),
             ('layer_0_loss_bbox', 'bbox')]
    if run.kind == 'hednus':
        pairs += [('layer_0_loss_iou', 'iou'), ('layer_0_loss_diou', 'iou_reg')]
    for ours, theirs in pairs:
        assert losses[ours].item() == pytest.approx(float(run.loss(f'loss_loss_{theirs}')),
                                                    rel=1e-5), ours
    total = sum(value for name, value in losses.items() if 'loss' in name)
    assert total.item() == pytest.approx(float(run.loss('loss_total')), rel=1e-5)


def test_gradients(run, compare_gradients):
    losses = losses_of(run)
    run.model.zero_grad()
    sum(value for name, value in losses.items() if 'loss' in name).backward(retain_graph=True)
    compare_gradients(run)


def test_the_right_mask_gives_other_queries(run_of):
    """What the release hides is what lies in the active cells."""
    published = run_of('nus')
    right = run_of('nus', inverted_mask=False)
    torch.testing.assert_close(right.head.heat, published.head.heat)
    assert (right.head.queries - published.head.queries).abs().max() > 1
    unmasked = run_of('nus', inverted_mask=False, unmasked=True)
    assert (unmasked.head.queries - published.head.queries).abs().max() > 1
    assert (unmasked.head.queries - right.head.queries).abs().max() > 0.1
