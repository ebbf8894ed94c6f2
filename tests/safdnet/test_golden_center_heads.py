"""Outputs, boxes, targets, losses and gradients of the released models with center heads."""
from __future__ import annotations

import numpy as np
import pytest
import torch

from safdnet.cell_predictions import candidates

KINDS = ('argo', 'waymo', 'hed')
FEATURES = dict(rtol=1e-5, atol=1e-4)
BRANCHES = ('heatmap', 'center', 'center_z', 'dim', 'rot', 'vel', 'iou')


@pytest.fixture(scope='module', params=KINDS)
def run(request, run_of):
    return run_of(request.param)


def columns_of(task) -> torch.Tensor:
    """Outputs of a task in the order that was stored."""
    parts = [task.heat, task.codes, *(() if task.iou is None else (task.iou[:, None], ))]
    return torch.cat(parts, 1).detach()


@pytest.mark.parametrize('kind', ['argo', 'waymo'])
def test_outputs_of_the_sparse_head(run_of, kind):
    run = run_of(kind)
    np.testing.assert_array_equal(run.head.coordinates, run.stored('head_coords'))
    found = torch.cat([columns_of(task) for task in run.head.tasks], 1)
    np.testing.assert_allclose(found[::8], run.stored('head_rows'), **FEATURES)
    digest = torch.stack([found.mean(1), found.norm(dim=1)], 1)
    np.testing.assert_allclose(digest, run.stored('head_digest'), **FEATURES)


def test_outputs_of_the_dense_head(run_of):
    run = run_of('hed')
    names = dict(hm=slice(0, 3), center=slice(3, 5), center_z=slice(5, 6), dim=slice(6, 9),
                 rot=slice(9, 11), iou=slice(11, 12))
    found = columns_of(run.head.tasks[0])
    for name, chosen in names.items():
        stored = np.moveaxis(run.stored(f'head_{name}'), 1, 3)
        np.testing.assert_allclose(found[:, chosen], stored.reshape(len(found), -1), **FEATURES,
                                   err_msg=name)


def matched(found: np.ndarray, labels: np.ndarray, stored: np.ndarray,
            stored_labels: np.ndarray) -> np.ndarray:
    """Row of the nearest box of the same label for each stored one; none is taken twice."""
    apart = np.abs(found[None, :, :3] - stored[:, None, :3]).sum(-1)
    apart[labels[None] != stored_labels[:, None]] = np.inf
    rows = apart.argmin(1) if len(stored) else np.zeros(0, int)
    assert len(set(rows.tolist())) == len(stored) == len(found)
    return rows


@pytest.mark.parametrize('sample', [0, 1])
def test_candidates_before_suppression(run, sample):
    head, first = run.model.bbox_head, 0
    rows = run.head.rows_of(sample)
    for number, (task, count) in enumerate(zip(run.head.tasks, head.num_classes, strict=True)):
        iou = None if task.iou is None else task.iou[rows].detach()
        found = candidates(task.heat[rows].detach(), task.codes[rows].detach(), iou,
                           run.head.cells[rows], first, head.coder, head.chosen)
        stored = run.stored(f'pre{sample}_h{number}')
        width = found.boxes.shape[1]
        order = matched(found.boxes.numpy(), found.labels.numpy() - first, stored[:, :width],
                        stored[:, width + 1].astype(int))
        np.testing.assert_allclose(found.boxes[order], stored[:, :width], rtol=0, atol=2e-4)
        np.testing.assert_allclose(found.scores[order], stored[:, width], rtol=0, atol=1e-5)
        if iou is not None:
            np.testing.assert_allclose(found.quality[order], stored[:, width + 2].clip(0, 1),
                                       rtol=0, atol=1e-5)
        first += count


@pytest.mark.parametrize('sample', [0, 1])
def test_detections(run, sample):
    with torch.no_grad():
        found = run.model.bbox_head.predict_of(run.head)[sample]
    boxes = torch.cat([found.bboxes_3d.gravity_center, found.bboxes_3d.tensor[:, 3:]],
                      1).detach().numpy()
    stored = {name: run.stored(f'final{sample}_{name}') for name in ('boxes', 'scores', 'labels')}
    order = matched(boxes, found.labels_3d.numpy(), stored['boxes'], stored['labels'] - 1)
    np.testing.assert_allclose(boxes[order], stored['boxes'], rtol=0, atol=2e-4)
    np.testing.assert_allclose(found.scores_3d.detach()[order], stored['scores'], rtol=0,
                               atol=1e-5)


@pytest.mark.parametrize('kind', ['argo', 'waymo'])
def test_targets_on_cells(run_of, kind):
    run = run_of(kind)
    for number, targets in enumerate(run.model.bbox_head.targets(
            run.head, *run.golden.boxes(kind))):
        stored = np.zeros(targets.heat.shape, np.float32)
        stored[tuple(run.loss(f'h{number}_heat_nz').T)] = run.loss(f'h{number}_heat_val')
        np.testing.assert_allclose(targets.heat, stored, rtol=0, atol=1e-6)
        cells = [run.loss(f'h{number}_cell{sample}') for sample in (0, 1)]
        np.testing.assert_array_equal(run.head.coordinates[targets.rows], np.concatenate(cells))
        codes = [run.loss(f'h{number}_target{sample}') for sample in (0, 1)]
        np.testing.assert_allclose(targets.codes, np.concatenate(codes), rtol=1e-5, atol=2e-5)


def test_targets_on_the_map(run_of):
    run = run_of('hed')
    targets, = run.model.bbox_head.targets(run.head, *run.golden.boxes('hed'))
    heat = np.moveaxis(run.loss('heat'), 1, 3).reshape(targets.heat.shape)
    np.testing.assert_allclose(targets.heat, heat, rtol=0, atol=1e-6)
    real, cells = run.loss('mask') > 0, run.stored('head_hm')[0, 0].size
    np.testing.assert_array_equal(targets.rows % cells, run.loss('inds')[real])
    np.testing.assert_allclose(targets.codes, run.loss('target')[real], rtol=1e-5, atol=2e-5)


def losses_of(run) -> dict[str, torch.Tensor]:
    boxes, labels = run.golden.boxes(run.kind)
    losses = run.model.bbox_head.loss_of(run.head, boxes, labels)
    if run.found is not None:
        losses.update(run.model.diffusion.losses(run.found, boxes, labels))
    return losses


def test_losses(run):
    losses = losses_of(run)
    for number in range(len(run.head.tasks)):
        for ours, theirs in (('heatmap', 'hm'), ('bbox', 'loc'), ('iou', 'iou')):
            if f'task{number}.loss_{ours}' in losses:
                assert losses[f'task{number}.loss_{ours}'].item() == pytest.approx(
                    float(run.loss(f'loss_{theirs}_loss_head_{number}')), rel=1e-5), (number, ours)
    for number in range(0 if run.found is None else run.found.logits.shape[1]):
        assert losses[f'loss_diffusion_{number}'].item() == pytest.approx(
            float(run.loss(f'loss_afd_cls_loss_{number}')), rel=1e-5)
        assert losses[f'diffusion_recall_{number}'].item() == pytest.approx(
            float(run.loss(f'loss_afd_recall_{number}')), rel=1e-6)
    total = sum(value for name, value in losses.items() if 'loss' in name)
    assert total.item() == pytest.approx(float(run.loss('loss_total')), rel=1e-5)


def test_gradients(run, compare_gradients):
    losses = losses_of(run)
    run.model.zero_grad()
    sum(value for name, value in losses.items() if 'loss' in name).backward(retain_graph=True)
    compare_gradients(run)


def test_diffusion_targets(run_of):
    from safdnet.diffusion_targets import diffusion_targets
    for kind in ('argo', 'waymo', 'nus'):
        run = run_of(kind)
        diffusion = run.model.diffusion
        found = diffusion_targets(run.found.coordinates, *run.golden.boxes(kind), diffusion.grid,
                                  diffusion.options.groups)
        np.testing.assert_array_equal(found.T, run.loss('afd_target'))


def test_labels_given_are_left_alone(run_of):
    """The release overwrites them with numbers within the task."""
    run = run_of('argo')
    boxes, labels = run.golden.boxes('argo')
    before = [names.clone() for names in labels]
    run.model.bbox_head.loss_of(run.head, boxes, labels)
    assert all(torch.equal(*pair) for pair in zip(before, labels, strict=True))
    changed = run.loss('gt_boxes_after')[..., -1]
    assert (changed != run.golden.inputs['argo_gt_boxes'][..., -1]).any()
