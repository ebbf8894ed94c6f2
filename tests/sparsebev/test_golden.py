"""Every stored stage of the published models: heads of three layouts, whole model, backbones."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes
from mmengine.registry import init_default_scope

from sparse3d.checkpoints import convert_checkpoint
from sparse3d.checkpoints.open import open_checkpoint
from sparse3d.engine.build_model import build_model
from sparse3d.engine.load_config import load_config
from sparse3d.models.backbones.rotary_positions import rotary_tables
from sparse3d.models.backbones.simple_feature_pyramid import SimpleFeaturePyramid
from sparse3d.models.query.box_code import ground_truth_boxes
from sparse3d.models.query.query_denoising import Noise, denoising_attn_mask, noisy_queries
from sparsebev.head import SparseBEVHead
from sparsebev.published_checkpoint import SAMPLING_AS_PUBLISHED
from sparsebev.published_names import ours
from sparsebev.views import views_of_batch

RANGE = (-51.2, -51.2, -5.0, 51.2, 51.2, 3.0)
LEVELS = ((8, 24), (4, 12), (2, 6), (1, 3), (1, 2))
# Layout: samples, frames, levels, points, queries.
HEADS = {'a': (2, 2, 4, 4, 25), 'b': (1, 3, 5, 8, 36), 'c': (1, 1, 4, 4, 16)}
# Ten times the float noise of each pass: logits, boxes.
NOISE = ((1e-4, 1e-3), (2e-4, 1e-3), (8e-4, 4e-3), (1e-3, 3e-2), (5e-3, 5e-2), (4e-3, 8e-2))

pytestmark = pytest.mark.usefixtures('one_thread')


@pytest.fixture(scope='module')
def rebuilt(fixtures, published_weights, stored_heads):
    """Function that gives a stored head, its input maps and its views."""

    def rebuild(name: str, **quirks):
        batch, frames, levels, points, queries = HEADS[name]
        head = SparseBEVHead(10, queries, RANGE, detections=dict(max_detections=100), decoder=dict(
            num_frames=frames, num_levels=levels, num_points=points, dropout=0.0),
                             published={**SAMPLING_AS_PUBLISHED, **quirks})
        state = published_weights.published_state(fixtures / f'state_{name}.json')
        head.load_state_dict({ours(key).removeprefix('bbox_head.'): value
                              for key, value in state.items() if ours(key)})
        maps = []
        for level, size in enumerate(LEVELS[:levels]):
            shape = (batch, frames * 6, 256, *size)
            values = published_weights.filled(f'small_{name}.feat{level}', shape)
            base = published_weights.filled(f'small_{name}.const{level}', (256,))
            maps.append(torch.from_numpy((
                0.2 * values * np.sqrt(np.prod(shape[1:]))
                + 16 * base[:, None, None]).astype(np.float32)))
        metas = [dict(lidar2img=matrices, img_timestamp=seconds) for matrices, seconds in zip(
            stored_heads[f'{name}_lidar2img'], stored_heads[f'{name}_timestamp'], strict=True)]
        return head.eval(), maps, views_of_batch(metas, frames, (64, 192))

    return rebuild


def ground_truth_of_a(stored):
    boxes = [ground_truth_boxes(LiDARInstance3DBoxes(stored[f'a_gt_boxes{b}'], box_dim=9))
             for b in range(2)]
    return boxes, [stored[f'a_gt_labels{b}'] for b in range(2)]


def noise_of_a(stored) -> Noise:
    replace = stored['a_dn_rand_label_p'] < 0.5
    label = torch.zeros(60, dtype=torch.long)
    label[replace] = stored['a_dn_new_labels']
    return Noise(stored['a_dn_rand_box'][:, :3].view(10, 6, 3) * 2 - 1, replace.view(10, 6),
                 label.view(10, 6))


def largest(ours_: torch.Tensor, stored: torch.Tensor) -> float:
    assert ours_.shape == stored.shape
    return (ours_ - stored).abs().max().item()


@pytest.mark.parametrize('name', HEADS)
def test_heads(name, rebuilt, stored_heads):
    head, maps, views = rebuilt(name)
    with torch.no_grad():
        outputs = head(maps, views)
    assert largest(outputs['logits'], stored_heads[f'{name}_eval_cls']) < 2e-4
    assert largest(outputs['codes'], stored_heads[f'{name}_eval_bbox']) < 2e-3
    if name != 'c':
        assert largest(views.age, stored_heads[f'{name}_time_diff']) < 1e-5


@pytest.mark.parametrize('quirk', ['scale_order', 'view_choice', 'alignment'])
def test_each_quirk_is_needed(quirk, rebuilt, stored_heads):
    head, maps, views = rebuilt('a', **{quirk: False})
    with torch.no_grad():
        outputs = head(maps, views)
    assert largest(outputs['logits'], stored_heads['a_eval_cls']) > 0.02


def test_detections_and_losses_of_a_head(rebuilt, stored_heads):
    stored = stored_heads
    head, maps, views = rebuilt('a')
    with torch.no_grad():
        outputs = head(maps, views)
    for sample, found in enumerate(head.detections(outputs)):
        assert found.labels_3d.equal(stored[f'a_labels{sample}'])
        assert largest(found.scores_3d, stored[f'a_scores{sample}']) < 1e-5
        assert largest(found.bboxes_3d.tensor, stored[f'a_boxes{sample}']) < 1e-3
    boxes, labels = ground_truth_of_a(stored)
    losses = head.losses_of(outputs, boxes, labels)
    assert len(losses) == 12
    for name, value in losses.items():
        assert value.item() == pytest.approx(stored[f'a_eval.{name}'].item(), rel=1e-4)


def test_denoising_and_gradients_of_a_head(rebuilt, stored_heads):
    stored = stored_heads
    head, maps, views = rebuilt('a')
    boxes, labels = ground_truth_of_a(stored)
    noisy = noisy_queries(boxes, labels, noise_of_a(stored), RANGE)
    query, features, hidden = head._first_queries(2, noisy)
    assert largest(query, stored['a_dn_query_bbox']) < 1e-6
    assert largest(features.norm(dim=-1), stored['a_dn_query_feat_norm']) < 1e-5
    assert hidden.equal(stored['a_dn_attn_mask'])
    assert hidden.equal(denoising_attn_mask(noisy, 25, published_attend_empty_slots=True))

    head.train()
    maps = [level.requires_grad_() for level in maps]
    outputs = head(maps, views, noisy)
    for name, key in (('logits', 'train_cls'), ('noisy_logits', 'dn_cls')):
        assert largest(outputs[name], stored[f'a_{key}']) < 2e-4
    for name, key in (('codes', 'train_bbox'), ('noisy_codes', 'dn_bbox')):
        assert largest(outputs[name], stored[f'a_{key}']) < 2e-3
    losses = head.losses_of(outputs, boxes, labels, noisy)
    for name, value in losses.items():
        assert value.item() == pytest.approx(stored[f'a_train.{name}'].item(), rel=1e-4)
    sum(losses.values()).backward()
    norms = {name.removeprefix('a_gradnorm.'): value.item() for name, value in stored.items()
             if name.startswith('a_gradnorm.')}
    assert len(norms) == 54
    for name, norm in norms.items():
        gradient = maps[int(name[-1])].grad if name.startswith('feat') else \
            head.get_parameter(ours(name).removeprefix('bbox_head.')).grad
        assert gradient.norm().item() == pytest.approx(norm, rel=5e-3)
    assert largest(head.query_boxes.grad, stored['a_grad_init_query_bbox']) < 0.1


# Whole model and backbones: outputs that are read from the golden folder -------


@pytest.fixture(scope='module')
def stored(golden_dir):
    """Function that reads a stored file of the whole model or the backbones."""
    def read(name: str) -> dict[str, torch.Tensor]:
        with np.load(golden_dir / 'sparsebev' / name) as arrays:
            return {key: torch.from_numpy(np.array(arrays[key])) for key in arrays}
    return read


def whole_model(golden_dir, published_weights, folder, **top_level):
    """The published file, converted and loaded as a user does it."""
    state = published_weights.published_state(golden_dir / 'sparsebev' / 'state.json')
    torch.save({'state_dict': state, 'meta': {}, **top_level}, folder / 'released.pth')
    done = convert_checkpoint('sparsebev', folder / 'released.pth', folder / 'ours.pth')
    assert done.config == 'sparsebev_r50_400q_nuscenes'
    options = open_checkpoint(folder / 'ours.pth').options
    return build_model(load_config(done.config, options), folder / 'ours.pth')


def one_sample(given, height: int = 64, width: int = 192) -> dict:
    sample = Det3DDataSample(metainfo=dict(
        lidar2img=given['lidar2img'].numpy(), img_timestamp=given['img_timestamp'].numpy()))
    return dict(inputs=dict(img=[given['img'][..., :height, :width]]), data_samples=[sample])


def watch(layer) -> dict[str, list[torch.Tensor]]:
    """Outputs of the parts of the shared layer, pass after pass."""
    seen: dict[str, list[torch.Tensor]] = {}
    for name in ('position_encoder', 'self_attention.tau', 'sampling.sampling_offset',
                 'sampling.scale_weights', 'sampling', 'norms.0', 'norms.1', 'norms.2'):
        layer.get_submodule(name).register_forward_hook(
            lambda part, inputs, output, name=name: seen.setdefault(name, []).append(output[0]))
    return seen


def inside_the_decoder(seen: dict[str, list[torch.Tensor]], expected) -> None:
    for index, name in enumerate(('attn', 'mix', 'ffn')):
        values = torch.stack(seen[f'norms.{index}'])[:, :16]
        assert largest(values[0], expected[f'q16_after_{name}'][0]) < 1e-4
        assert largest(values, expected[f'q16_after_{name}']) < 2e-2
    for name, key in (('position_encoder', 'query_pos_l0_q16'),
                      ('sampling.sampling_offset', 'offset_l0_q16'),
                      ('sampling.scale_weights', 'scale_logits_l0_q16')):
        assert largest(seen[name][0][:16], expected[key]) < 1e-4
    assert largest(seen['self_attention.tau'][0], expected['tau_l0']) < 1e-4
    assert largest(seen['self_attention.tau'][5], expected['tau_l5']) < 1e-2
    for index, count, tolerance in ((0, 4, 1e-3), (5, 2, 5e-2)):
        key = f'sampled_l{index}_q{count}'
        assert largest(seen['sampling'][index][:count], expected[key]) < tolerance


def match_detections(found, boxes, scores, labels) -> None:
    """Each stored detection has one of ours; one more or less at the threshold is allowed."""
    assert abs(len(found.scores_3d) - len(scores)) <= 1
    apart = (found.bboxes_3d.tensor[:, None] - boxes[None]).abs()
    apart[..., 6] = torch.atan2(apart[..., 6].sin(), apart[..., 6].cos()).abs()
    apart = apart.amax(-1) + 1e3 * (found.labels_3d[:, None] != labels[None])
    distance, index = apart.min(0)
    assert (distance < 0.08).sum() >= len(labels) - 1
    near = distance < 0.08
    assert (found.scores_3d[index] - scores)[near].abs().max() < 1e-3


@pytest.mark.slow
def test_whole_model(golden_dir, published_weights, stored, tmp_path):
    given, expected = stored('inputs.npz'), stored('outputs.npz')
    model = whole_model(golden_dir, published_weights, tmp_path)
    batch = model.data_preprocessor(one_sample(given))
    normal = batch['inputs']['imgs'][0, [0, 7, 47], :, ::16, ::16]
    assert largest(normal, expected['norm_img_slice']) < 1e-5
    seen = watch(model.bbox_head.layer)
    with torch.no_grad():
        outputs = model(**batch, mode='tensor')
    inside_the_decoder(seen, expected)
    for level, maps in enumerate(outputs['features']):
        assert largest(maps[0].mean((2, 3)), expected[f'fpn{level}_mean']) < 2e-4
        assert largest(maps[0, [0, 7, 47], ::8], expected[f'fpn{level}_slice']) < 2e-4
    head = outputs['head']
    for index, (logits, codes) in enumerate(NOISE):
        assert largest(head['logits'][index], expected['all_cls_scores'][index]) < logits
        assert largest(head['codes'][index], expected['all_bbox_preds'][index]) < codes
    assert (head['logits'][-1] - expected['all_cls_scores'][-1]).abs().mean() < 1e-4
    assert (head['codes'][-1] - expected['all_bbox_preds'][-1]).abs().mean() < 5e-4
    match_detections(model.bbox_head.detections(head)[0], expected['det_boxes'],
                     expected['det_scores'], expected['det_labels'])
    losses, truth = stored('loss.npz'), LiDARInstance3DBoxes(given['gt_boxes'], box_dim=9)
    found = model.bbox_head.losses_of(
        {'logits': expected['all_cls_scores'], 'codes': expected['all_bbox_preds']},
        [ground_truth_boxes(truth)], [given['gt_labels']])
    for name, value in found.items():
        assert value.item() == pytest.approx(losses[name].item(), rel=1e-5)
    with torch.no_grad():
        padded = model(**model.data_preprocessor(one_sample(given, 60, 180)), mode='tensor')
    assert (padded['head']['logits'][-1] - expected['pad_cls_last']).abs().mean() < 1e-4
    assert (padded['head']['codes'][-1] - expected['pad_bbox_last']).abs().mean() < 5e-4


@pytest.mark.slow
def test_whole_model_in_the_older_box_convention(golden_dir, published_weights, stored, tmp_path):
    given, expected = stored('inputs.npz'), stored('outputs.npz')
    model = whole_model(golden_dir, published_weights, tmp_path, version='v0.17.1')
    with torch.no_grad():
        outputs = model.test_step(one_sample(given))[0].pred_instances_3d
    match_detections(outputs, expected['legacy_det_boxes'], expected['legacy_det_scores'],
                     expected['legacy_det_labels'])


def backbone_and_neck(golden_dir, published_weights, backbone, neck, listing):
    model = torch.nn.ModuleDict(dict(backbone=backbone, neck=neck))
    state = published_weights.published_state(golden_dir / 'sparsebev' / listing)
    model.load_state_dict({ours(name): value for name, value in state.items() if ours(name)})
    return model.eval()


@pytest.mark.slow
def test_v299(golden_dir, published_weights, stored):
    given, expected = stored('backbones_inputs.npz'), stored('backbones_outputs.npz')
    init_default_scope('mmdet3d')
    model = backbone_and_neck(
        golden_dir, published_weights, MODELS.build(dict(type='VoVNet', frozen_stages=2)),
        MODELS.build(dict(type='mmdet.FPN', in_channels=[256, 512, 768, 1024], out_channels=256,
                          num_outs=5)), 'state_v99.json')
    mean, std = torch.tensor([[103.53, 116.28, 123.675], [57.375, 57.12, 58.395]])
    with torch.no_grad():
        stages = model['backbone']((given['img'].float() - mean.view(3, 1, 1))
                                   / std.view(3, 1, 1))
        levels = model['neck'](stages)
    for stage, maps in enumerate(stages, 2):
        assert largest(maps.mean((2, 3)), expected[f'v99_stage{stage}_mean']) < 1e-5
    for level, maps in enumerate(levels):
        assert largest(maps[:, ::8], expected[f'v99_fpn{level}_slice']) < 1e-5


@pytest.mark.slow
def test_eva02(golden_dir, published_weights, stored):
    given, expected = stored('backbones_inputs.npz'), stored('backbones_outputs.npz')
    cosine, sine = rotary_tables((4, 12), 64, 96, published_resize=True)
    assert largest(cosine, expected['eva_rope_glb_cos']) < 1e-5
    assert largest(sine, expected['eva_rope_glb_sin']) < 1e-5
    assert largest(rotary_tables((16, 16), 64, 16)[0], expected['eva_rope_win_cos']) < 1e-5
    backbone = SimpleFeaturePyramid(dict(
        type='EVA02', blocks=dict(depth=6, drop_path=0.3), frozen_blocks=3,
        positions=dict(resize_rotary_tables=True)))
    backbone_and_neck(golden_dir, published_weights, backbone, torch.nn.Identity(),
                      'state_eva02.json')
    seen = {}
    for index in (0, 2, 5):
        backbone.net.blocks[index].register_forward_hook(
            lambda block, inputs, tokens, index=index: seen.__setitem__(index, tokens))
    mean, std = torch.tensor([[123.675, 116.28, 103.53], [58.395, 57.12, 57.375]])
    with torch.no_grad():
        levels = backbone((given['img'].float().flip(1) - mean.view(3, 1, 1))
                          / std.view(3, 1, 1))
    for index, tokens in seen.items():
        assert largest(tokens[:, ::2, ::3, ::16], expected[f'eva_block{index}_slice']) < 1e-4
    for level, maps in enumerate(levels):
        assert largest(maps[:, ::8], expected[f'eva_fpn{level}_slice']) < 1e-4
