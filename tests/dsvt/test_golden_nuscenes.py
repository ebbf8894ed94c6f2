"""Every stored stage of the released nuScenes model: pillars, map, queries, boxes, losses."""
from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet3d.registry import MODELS
from mmdet3d.structures import LiDARInstance3DBoxes
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData

from dsvt.published_checkpoint import convert, translate
from sparse3d.engine.load_config import load_config

ROOT = Path(__file__).resolve().parents[2]
HALF = 18  # meters
FOLDED = r'heatmap_head\.0\.conv\.bias|prediction_head\.\w+\.0\.0\.bias'
FEATURES = dict(rtol=1e-5, atol=1e-4)
HEAD = dict(rtol=1e-5, atol=1e-4)


class Run:
    """The published model on the stored clouds, with what its blocks gave on the way."""

    def __init__(self, golden) -> None:
        self.golden = golden
        conversion = convert(golden.published_state('nus'))
        init_default_scope('mmdet3d')
        model = load_config(conversion.config, dict(conversion.options)).model
        for part in (model.voxel_encoder, model.bbox_head.bbox_coder,
                     model.data_preprocessor.voxel_layer):
            part.point_cloud_range = [-HALF, -HALF, -5, HALF, HALF, 3]
        model.middle_encoder.grid_shape = [120, 120, 1]
        model.bbox_head.query_initialization.num_queries = 40
        self.model = MODELS.build(model).eval()
        self.model.load_state_dict(conversion.weights)
        self.seen = {}
        for number, norm in enumerate(self.model.middle_encoder.stages[0].norms):
            norm.register_forward_hook(lambda _, __, output, number=number:
                                       self.seen.update({f'block{number}': output.detach()}))
        batch = self.model.data_preprocessor(
            {'inputs': {'points': golden.clouds('nus')}, 'data_samples': None}, False)
        voxels = batch['inputs']['voxels']
        self.features, self.coordinates = self.model.voxel_encoder(voxels['voxels'],
                                                                   voxels['coors'])
        self.map = self.model.middle_encoder(self.features, self.coordinates, 2)
        self.bev = self.model.backbone(self.map)
        self.head = self.model.bbox_head(self.bev)

    def stored(self, name: str) -> np.ndarray:
        return self.golden.outputs[f'nus_{name}']

    def truth(self) -> list[InstanceData]:
        found = []
        for boxes, labels in zip(*self.golden.boxes('nus'), strict=True):
            boxes = LiDARInstance3DBoxes(boxes, box_dim=9, origin=(0.5, 0.5, 0.5))
            found.append(InstanceData(bboxes_3d=boxes, labels_3d=labels))
        return found


@pytest.fixture(scope='module')
def run(golden) -> Run:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield Run(golden)
    torch.set_num_threads(before)


def test_pillars_and_blocks(run):
    np.testing.assert_array_equal(run.coordinates, run.stored('voxel_coords'))
    np.testing.assert_allclose(run.features.detach()[::32], run.stored('vfe'), **FEATURES)
    assert len(run.seen) == 4
    for name, features in run.seen.items():
        np.testing.assert_allclose(features[::32], run.stored(name), **FEATURES, err_msg=name)


def test_maps(run):
    for found, name in ((run.map, 'bev_scatter_digest'), (run.bev[0], 'bev_digest')):
        found = torch.stack([found.mean(1), found.norm(dim=1)], dim=1).detach()
        np.testing.assert_allclose(found, run.stored(name), **FEATURES, err_msg=name)
    np.testing.assert_allclose(run.bev[0].detach()[:, ::48], run.stored('bev'), **FEATURES)


def test_queries_and_branches(run):
    # The released head works on maps with x before y.
    heat = run.head.heat.detach().transpose(2, 3)
    np.testing.assert_allclose(heat, run.stored('head_dense_heatmap'), **HEAD)
    np.testing.assert_array_equal(run.head.peaks.labels, run.stored('query_labels'))
    np.testing.assert_allclose(run.head.queries.detach(), run.stored('query_feat_out'), **HEAD)
    layer, = run.head.layers
    assert len(layer) == 7
    for name, values in layer.items():
        np.testing.assert_allclose(values.detach(), run.stored(f'head_{name}'), **HEAD,
                                   err_msg=name)


@pytest.mark.parametrize('sample', [0, 1])
def test_boxes(run, sample):
    found = run.model.bbox_head.predict_of(run.head)[sample]
    np.testing.assert_array_equal(found.labels_3d + 1, run.stored(f'final{sample}_pred_labels'))
    np.testing.assert_allclose(found.scores_3d.detach(), run.stored(f'final{sample}_pred_scores'),
                               rtol=0, atol=1e-5)
    boxes = torch.cat([found.bboxes_3d.gravity_center, found.bboxes_3d.tensor[:, 3:]], 1).detach()
    np.testing.assert_allclose(boxes, run.stored(f'final{sample}_pred_boxes'), rtol=0, atol=1e-4)


def test_targets_losses_and_gradients(run):
    head, losses = run.model.bbox_head, run.golden.losses
    truth = run.truth()
    targets = head.targets(run.head.layers[0],
                           [(own.bboxes_3d.tensor, own.labels_3d) for own in truth])
    np.testing.assert_array_equal(targets.labels, losses['nus_target_labels'])
    np.testing.assert_allclose(targets.codes, losses['nus_target_bbox_targets'], rtol=0, atol=1e-4)
    found = head.loss_of(run.head, truth)
    for ours, theirs in (('loss_heatmap', 'heatmap'), ('layer_0_loss_cls', 'cls'),
                         ('layer_0_loss_bbox', 'bbox'), ('layer_0_loss_iou', 'iou')):
        expected = float(losses[f'nus_loss_loss_{theirs}'])
        assert found[ours].item() == pytest.approx(expected, rel=1e-5), ours
    run.model.zero_grad()
    sum(value for name, value in found.items() if 'loss' in name).backward(retain_graph=True)
    norms = json.loads((run.golden.folder / 'grad_norms.json').read_text())['nus']
    gradients = {name: parameter.grad for name, parameter in run.model.named_parameters()}
    checked = 0
    for name, norm in norms.items():
        gradient = gradients.get(translate(name, 'nuscenes'))
        if gradient is None:  # folded biases, and what a lone query leaves without influence
            assert re.search(FOLDED, name) or norm == pytest.approx(0, abs=1e-6), name
            continue
        # Attention scores are large here and torch's attention computes them again in its
        # backward pass: 1.2e-3 at most in float32, 1e-5 in float64.
        assert gradient.norm().item() == pytest.approx(norm, rel=2e-3, abs=1e-6), name
        checked += 1
    assert checked > 200
