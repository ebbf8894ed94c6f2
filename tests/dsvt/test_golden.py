"""Every stored stage of the released Waymo models: features, maps, boxes, losses, gradients."""
from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from dsvt.attention_pooling import pooling_table
from dsvt.center_decoding import candidates
from dsvt.published_checkpoint import COUNTER, translate
from sparse3d.models.center.predicted_iou import rectified_scores
from sparse3d.models.center.selection import suppress_by_class

FEATURES = dict(rtol=1e-5, atol=1e-4)
MAPS = dict(rtol=0, atol=2e-5)


def digest(features: torch.Tensor) -> np.ndarray:
    return torch.stack([features.mean(1), features.norm(dim=1)], dim=1).numpy()


class Run:
    """A published model on the stored clouds, with what its parts gave on the way."""

    def __init__(self, golden, small_model, kind: str) -> None:
        self.kind, self.golden = kind, golden
        self.model = small_model(kind, published=True)
        self.model.load_state_dict({translate(name): value for name, value
                                    in golden.published_state(kind).items()
                                    if name != COUNTER})
        self.seen = {}
        self._watch()
        batch = self.model.data_preprocessor(
            {'inputs': {'points': golden.clouds('waymo')}, 'data_samples': None}, False)
        voxels = batch['inputs']['voxels']
        self.features, self.coordinates = self.model.voxel_encoder(voxels['voxels'],
                                                                   voxels['coors'])
        self.map = self.model.middle_encoder(self.features, self.coordinates, 2)
        self.bev = self.model.backbone(self.map)
        self.head = self.model.bbox_head(self.bev)

    def stored(self, name: str) -> np.ndarray:
        return self.golden.outputs[f'{self.kind}_{name}']

    def _watch(self) -> None:
        encoder = self.model.middle_encoder
        norms, number = {}, 0
        for stage in encoder.stages:
            for block, norm in zip(stage.blocks, stage.norms, strict=True):
                norms[f'block{number}'] = norm
                for index, layer in enumerate(block.encoder_list):
                    norms[f'block{number}_layer{index}_setattn'] = layer.win_attn
                    norms[f'block{number}_layer{index}'] = layer
                number += 1
        norms.update({f'pool{index}': pooling for index, pooling in enumerate(encoder.poolings)})
        for name, module in norms.items():
            module.register_forward_hook(
                lambda _, __, output, name=name: self.seen.update({name: output.detach()}))


@pytest.fixture(scope='module', params=['pillar', 'voxel'])
def run(request, golden, small_model) -> Run:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield Run(golden, small_model, request.param)
    torch.set_num_threads(before)


def test_voxels(run):
    np.testing.assert_array_equal(run.coordinates, run.stored('voxel_coords'))
    features = run.features.detach()
    np.testing.assert_allclose(features[::24], run.stored('vfe'), **FEATURES)
    np.testing.assert_allclose(digest(features), run.stored('vfe_digest'), **FEATURES)


def test_every_layer_block_and_pooling(run):
    assert len(run.seen) == (20 if run.kind == 'pillar' else 23)
    for name, features in run.seen.items():
        np.testing.assert_allclose(digest(features), run.stored(f'{name}_digest'), **FEATURES,
                                   err_msg=name)
        if f'{run.kind}_{name}' in run.golden.outputs:
            np.testing.assert_allclose(features[::24], run.stored(name), **FEATURES, err_msg=name)


def test_positional_embeddings(run):
    tables = run.model.middle_encoder.tables(run.coordinates)
    checked = 0
    for number, (stage, of_stage) in enumerate(zip(run.model.middle_encoder.stages, tables.stages,
                                                   strict=True)):
        for block, of_block in enumerate(stage.embeddings):
            for shift, embedding in enumerate(of_block):
                with torch.no_grad():
                    found = embedding(*of_stage.positions[shift])[::96]
                stored = run.stored(f'pos_embed_s{number}_b{block}_shift{shift}')
                np.testing.assert_allclose(found, stored, **FEATURES)
                checked += 1
    assert checked == 8


def test_maps_and_head(run):
    found = digest(run.map.detach())
    np.testing.assert_allclose(found, run.stored('bev_scatter_digest'), rtol=0, atol=1e-4)
    np.testing.assert_allclose(run.bev[0].detach()[:, ::32], run.stored('bev'), rtol=0, atol=1e-4)
    for name, values in run.head.items():
        np.testing.assert_allclose(values.detach(), run.stored(f'head_{name}'), **MAPS)


def test_repairing_the_embeddings_would_show(run, small_model, golden):
    repaired = small_model(run.kind)
    repaired.load_state_dict(run.model.state_dict())
    with torch.no_grad():
        changed = repaired.middle_encoder(run.features, run.coordinates, 2)
        heat = repaired.bbox_head(repaired.backbone(changed))['hm']
    assert np.abs(heat.numpy() - run.stored('head_hm')).max() > 0.05


@pytest.mark.parametrize('sample', [0, 1])
def test_boxes_before_and_after_suppression(run, sample):
    head = run.model.bbox_head
    codes = torch.cat([run.head[name][sample] for name in ('center', 'center_z', 'dim', 'rot')])
    found = candidates(run.head['hm'][sample].sigmoid(), codes.detach(),
                       run.head['iou'][sample, 0].detach(), head.coder,
                       head.chosen.max_candidates, head.chosen.score_threshold,
                       head.chosen.center_range)
    stored = {name: run.stored(f'pre{sample}_{name}') for name in
              ('pred_boxes', 'pred_scores', 'pred_labels', 'pred_iou', 'rectified_scores')}
    assert len(found.boxes) == len(stored['pred_boxes'])
    # Neighbors in the ranking are closer than rounding: match by class and place.
    ours = np.lexsort((*found.boxes.detach().numpy()[:, 1::-1].T.round(3), found.labels))
    theirs = np.lexsort((*stored['pred_boxes'][:, 1::-1].T.round(3), stored['pred_labels']))
    np.testing.assert_array_equal(found.labels[ours], stored['pred_labels'][theirs])
    np.testing.assert_allclose(found.boxes.detach()[ours], stored['pred_boxes'][theirs],
                               rtol=0, atol=1e-4)
    power = torch.tensor(head.chosen.rectifier)[found.labels]
    scores = rectified_scores(found.scores, found.quality, power).detach()
    for name, values in (('pred_scores', found.scores.detach()), ('rectified_scores', scores)):
        np.testing.assert_allclose(values[ours], stored[name][theirs], rtol=0, atol=1e-5)
    final = head.predict_by_maps({name: values.detach() for name, values in run.head.items()})
    boxes = torch.cat([final[sample].bboxes_3d.gravity_center,
                       final[sample].bboxes_3d.tensor[:, 3:]], 1)
    np.testing.assert_array_equal(final[sample].labels_3d + 1,
                                  run.stored(f'final{sample}_pred_labels'))
    np.testing.assert_allclose(final[sample].scores_3d, run.stored(f'final{sample}_pred_scores'),
                               rtol=0, atol=1e-5)
    np.testing.assert_allclose(boxes, run.stored(f'final{sample}_pred_boxes'), rtol=0, atol=1e-4)


@pytest.mark.parametrize('published', [True, False])
@pytest.mark.parametrize('sample', [0, 1])
def test_suppression_of_the_stored_boxes(run, sample, published):
    boxes, scores, labels = (torch.from_numpy(run.stored(f'pre{sample}_{name}')) for name in
                             ('pred_boxes', 'rectified_scores', 'pred_labels'))
    kept = suppress_by_class(boxes, scores, labels, (0.7, 0.6, 0.55), 4096, 500, published)
    name = 'published' if published else 'upright'
    np.testing.assert_array_equal(kept, run.stored(f'nms{sample}_keep_{name}'))


def test_targets_losses_and_gradients(run):
    boxes, labels = run.golden.boxes('waymo')
    stored = {name: run.golden.losses[f'{run.kind}_{name}'] for name in
              ('target_heatmap', 'target_boxes', 'target_inds', 'target_mask')}
    targets = run.model.bbox_head.targets(run.head, boxes, labels)
    np.testing.assert_allclose(targets.heatmap, stored['target_heatmap'], rtol=0, atol=1e-6)
    real = stored['target_mask']
    np.testing.assert_allclose(targets.codes, stored['target_boxes'][real], rtol=0, atol=1e-5)
    np.testing.assert_array_equal(targets.index % (48 * 72), stored['target_inds'][real])
    losses = run.model.bbox_head.loss_by_maps(run.head, boxes, labels)
    for ours, theirs in (('loss_heatmap', 'hm'), ('loss_bbox', 'loc'), ('loss_iou', 'iou'),
                         ('loss_diou', 'iou_reg')):
        expected = float(run.golden.losses[f'{run.kind}_loss_{theirs}_loss_head_0'])
        assert losses[ours].item() == pytest.approx(expected, rel=1e-5), ours
    run.model.zero_grad()
    sum(losses.values()).backward(retain_graph=True)
    norms = json.loads((run.golden.folder / 'grad_norms.json').read_text())[run.kind]
    gradients = {name: parameter.grad for name, parameter in run.model.named_parameters()}
    assert len(norms) == len(gradients)
    for name, norm in norms.items():
        found = gradients[translate(name)]
        found = 0.0 if found is None else found.norm().item()
        assert found == pytest.approx(norm, rel=1e-3, abs=1e-6), name


@pytest.mark.parametrize('name', ['voxel', 'full_voxel'])
def test_pooling_tables_exactly(golden, name):
    stored = golden.outputs if name == 'voxel' else golden.partition
    first = 'voxel_voxel_coords' if name == 'voxel' else 'full_voxel_voxel_coords_s0'
    coordinates = torch.from_numpy(stored[first].astype(np.int64))
    width, height = (72, 48) if name == 'voxel' else (468, 468)
    for stage, (stride, left) in enumerate(((4, 8), (4, 2), (2, 1)), start=1):
        table = pooling_table(coordinates, (1, 1, stride), (width, height, left))
        np.testing.assert_array_equal(table.pooled, stored[f'{name}_pool_map_s{stage}'])
        np.testing.assert_array_equal(table.slot, stored[f'{name}_pool_slot_s{stage}'])
        np.testing.assert_array_equal(table.coordinates, stored[f'{name}_voxel_coords_s{stage}'])
        coordinates = table.coordinates
