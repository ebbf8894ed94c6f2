"""Targets, losses, gradients and running statistics of the released head, reproduced."""
from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sparse3d.models.heads.transfusion_targets import QueryTargets, heat_target
from sparsefusion.camera_targets import image_heat_target
from sparsefusion.published_names import ours
from sparsefusion.view_objects import view_objects
from sparsefusion_batch import CODE, LOSSES, SAMPLES, Batch


def old_codes(codes: Tensor) -> np.ndarray:
    """Our codes of LiDAR boxes in the order and convention of the stored ones."""
    old = torch.cat([codes[..., CODE], -codes[..., [7, 6]], codes[..., 8:]], dim=-1)
    return old.numpy()


@pytest.fixture(scope='module')
def batch(golden, case) -> Batch:
    return Batch(golden, case)


@pytest.fixture(scope='module')
def eval_output(golden, case, batch):
    head = golden.head(**case.SMALL)
    with torch.no_grad():
        return head, head(batch.scene)


def in_stored_order(targets: QueryTargets, ours: Tensor, stored: np.ndarray) -> QueryTargets:
    """Rows of each sample in the order of the stored candidates, told by what both predict.

    Args:
        ours: [B, C, Q] predictions that tell candidates apart.
        stored: the same, stored.
    """
    rows = torch.stack([torch.cdist(torch.from_numpy(wanted).t().float(), found.t().float())
                        .argmin(1) for found, wanted in zip(ours, stored, strict=True)])
    assert all(len(set(row.tolist())) == len(row) for row in rows)
    sample = torch.arange(len(rows))[:, None]
    return QueryTargets(*(getattr(targets, name)[sample, rows] for name in (
        'labels', 'label_weights', 'codes', 'code_weights', 'ious')), targets.positives)


def check_targets(found: QueryTargets, stored: dict, suffix: str, columns: slice,
                  codes: np.ndarray) -> None:
    """Two objects of a class whose costs sum to the same either way are a tie: noise decides."""
    labels, label_weights, targets, weights, overlaps = (
        stored[f'target_{name}{suffix}'][:, columns] for name in (
            'labels', 'label_weights', 'bbox_targets', 'bbox_weights', 'matched_ious'))
    np.testing.assert_array_equal(found.labels.numpy(), labels)
    np.testing.assert_array_equal(found.label_weights.numpy(), label_weights)
    matched = labels < 10
    np.testing.assert_array_equal(found.code_weights.numpy()[matched], weights[matched])
    assert not found.code_weights.numpy()[~matched].any()
    for sample in SAMPLES:
        ours, theirs = codes[sample][matched[sample]], targets[sample][matched[sample]]
        exchanged = np.abs(ours - theirs).max(1) > 1e-3
        assert exchanged.sum() <= 4
        np.testing.assert_allclose(*(part[part[:, 2].argsort()] for part in (ours, theirs)),
                                   atol=1e-3)
        np.testing.assert_allclose(
            found.ious[sample].numpy()[matched[sample]][~exchanged],
            overlaps[sample][matched[sample]][~exchanged], atol=1e-4)


STAGES = {  # ours -> suffix of the stored arrays, columns, what tells candidates apart
    'lidar': ('', slice(0, 200), 'center'), 'fused': ('', slice(200, 600), 'center'),
    'view': ('_view', slice(0, 200), 'center_view')}


def test_targets_of_every_stage(batch, eval_output):
    head, output = eval_output
    losses, stored = head.losses, batch.stored
    truth = [(objects.bboxes_3d.tensor, objects.labels_3d) for objects in batch.instances]
    seen = [(boxes[mask], labels[mask])
            for (boxes, labels), mask in zip(truth, batch.seen, strict=True)]
    for stage, (suffix, columns, key) in STAGES.items():
        outputs = getattr(output, stage)
        found = losses.box_targets(outputs, seen if stage == 'view' else truth)
        found = in_stored_order(found, outputs['center'], stored[f'pred_{key}'][..., columns])
        check_targets(found, stored, suffix, columns, old_codes(found.codes))
    found = in_stored_order(losses.camera_targets(output, batch.views, batch.rig),
                            output.lifted.camera_centers.transpose(1, 2), stored['pred_loc_cam_3d'])
    check_targets(found, stored, '_2d', slice(0, 200), found.codes.numpy())
    np.testing.assert_array_equal(found.positives.numpy(), stored['target_num_pos_2d'][:, 0])


def stored_targets(batch: Batch, stage: str, predicted: Tensor) -> QueryTargets:
    """The release's own decision in case of a tie, in the order of our candidates."""
    suffix, columns, key = STAGES.get(stage, ('_2d', slice(0, 200), 'loc_cam_3d'))
    parts = {name: torch.from_numpy(batch.stored[f'target_{name}{suffix}'][:, columns])
             for name in ('labels', 'label_weights', 'bbox_targets', 'bbox_weights',
                          'matched_ious')}
    codes = parts['bbox_targets']
    if stage in STAGES:
        codes = torch.cat([codes[..., CODE], -codes[..., [7, 6]], codes[..., 8:]], dim=-1)
    matched = (parts['labels'] < 10)[..., None]
    targets = QueryTargets(
        parts['labels'], parts['label_weights'], codes * matched, parts['bbox_weights'] * matched,
        parts['matched_ious'], matched.sum((1, 2)))
    return in_stored_order(targets, torch.from_numpy(batch.stored[f'pred_{key}'][..., columns]),
                           predicted.detach().numpy())


def test_heat_targets(batch, eval_output):
    head, output = eval_output
    shapes = [tuple(level.shape[-2:]) for level in output.pyramid.levels]
    for sample, objects in enumerate(batch.instances):
        heat, = heat_target([(objects.bboxes_3d.tensor, objects.labels_3d)], head.coder, 10)
        np.testing.assert_allclose(heat.numpy(), batch.stored['target_heatmap'][sample], atol=1e-3)
        heat, = image_heat_target([batch.views[sample]], shapes, 6, 10)
        np.testing.assert_allclose(heat.numpy(), batch.stored['target_heatmap_2d'][sample],
                                   atol=1e-3)


def losses_of(head: nn.Module, batch: Batch, monkeypatch=None) -> dict[str, Tensor]:
    for level in batch.levels:
        level.grad = None
    output = head(batch.scene)
    if monkeypatch is not None:
        boxes = {id(getattr(output, stage)): stored_targets(
            batch, stage, getattr(output, stage)['center']) for stage in STAGES}
        camera = stored_targets(batch, 'camera', output.lifted.camera_centers.transpose(1, 2))
        monkeypatch.setattr(head.losses, 'box_targets', lambda outputs, _: boxes[id(outputs)])
        monkeypatch.setattr(head.losses, 'camera_targets', lambda *_: camera)
    return head.losses(output, batch.instances, batch.rig, batch.views, batch.seen)


def check_losses(losses: dict[str, Tensor], batch: Batch, mode: str, tolerance: float) -> None:
    for name, published in LOSSES.items():
        np.testing.assert_allclose(losses[name].item(), batch.stored[f'{mode}_{published}'],
                                   rtol=tolerance, err_msg=name)
    total = sum(value for name, value in losses.items() if 'loss' in name)
    np.testing.assert_allclose(total.item(), batch.stored[f'{mode}_total'], rtol=1e-4)
    total.backward()
    for number, level in enumerate(batch.levels):
        np.testing.assert_allclose(level.grad.norm().item(),
                                   batch.stored[f'{mode}_grad_img_{number}_norm'], rtol=tolerance)


def test_losses_and_gradients_in_evaluation(golden, case, batch, one_thread, monkeypatch):
    head = golden.head(**case.SMALL)
    check_losses(losses_of(head, batch, monkeypatch), batch, 'eval', 1e-4)
    gradients = {f'bbox_head.{name}': value.grad for name, value in head.named_parameters()}
    norms = json.loads((golden.folder / 'loss_grad_norms_eval.json').read_text())
    checked = 0
    for name, norm in norms.items():
        full = name if name.startswith('pts_bbox_head.') else f'pts_bbox_head.{name}'
        if not ours(full):
            assert norm == -1 or 'fusion_transformer.decoder.0.' in full, name
            continue
        np.testing.assert_allclose(gradients[ours(full)].norm().item(), norm, rtol=2e-3, atol=1e-5,
                                   err_msg=name)
        checked += 1
    assert checked == len(gradients)


def test_losses_and_running_statistics_in_training(golden, case, batch, one_thread):
    head = golden.head(**{**case.SMALL, 'model.bbox_head.layer': dict(dropout=0.0)}).train()
    check_losses(losses_of(head, batch), batch, 'train', 5e-3)
    state = head.state_dict()
    for name, value in batch.stored.items():
        if name.startswith('train_after_'):
            found = state[ours(name.removeprefix('train_after_')).removeprefix('bbox_head.')]
            np.testing.assert_allclose(found.numpy(), value, rtol=1e-4, atol=1e-4, err_msg=name)


def test_views_are_annotated_as_by_the_released_step(batch):
    """Before augmentation, and after it but for what the release keeps although it is cropped."""
    for sample in SAMPLES:
        found = view_objects(batch.boxes(sample), batch.instances[sample].labels_3d, batch.rig,
                             sample)
        stored = batch.views[sample]
        keys = [tuple(row) for row in torch.cat(
            [stored.view[:, None].float(), stored.pixels], dim=1).tolist()]
        for view, pixels, depth, boxes, label in zip(
                found.view, found.pixels, found.depth, found.boxes, found.labels, strict=True):
            near = [k for k, (v, x, y) in enumerate(keys) if v == view and
                    abs(x - pixels[0]) < 0.05 and abs(y - pixels[1]) < 0.05]
            assert near, (view, pixels)
            row = near[0]
            torch.testing.assert_close(depth, stored.depth[row], atol=1e-3, rtol=1e-4)
            assert label == stored.labels[row]
            wanted = stored.boxes[row].float()
            torch.testing.assert_close(boxes[:6], wanted[:6], atol=2e-3, rtol=1e-3)
            turn = torch.sin((boxes[6] - stored.boxes[row, 6]) / 2)
            assert turn.abs() < 1e-3
            torch.testing.assert_close(boxes[7:], wanted[7:], atol=1e-3, rtol=1e-3)
        assert len(stored.view) - 3 <= len(found.view) <= len(stored.view)
