"""Released files of every kind to ours, and the merge of initial weights."""
from __future__ import annotations

import pytest
import torch
from mmdet3d.registry import MODELS

import sparsefusion.register  # noqa: F401
from sparse3d.apis import load_config
from sparse3d.errors import CheckpointError
from sparse3d.published import hand_down
from sparsefusion.initial_weights import merge_initial_weights
from sparsefusion.published_checkpoint import CONFIGS, QUIRKS, build, convert, kind_of
from sparsefusion.published_names import NO_EFFECT, as_sparsefusion, ours


def published_transfusion(golden) -> dict:
    """The LiDAR part of the golden's weights under TransFusion-L's names, spconv 1.x layout."""
    released = {}
    for name, value in golden.published.items():
        if name.startswith(('pts_middle_encoder', 'pts_backbone', 'pts_neck')) or any(
                f'pts_bbox_head.{part}' in name for part in (
                    'shared_conv', 'heatmap_head', 'class_encoding', 'point_transformer')):
            name = name.replace('point_transformer.prediction_heads.', 'prediction_heads.0.')
            name = name.replace('point_transformer.', '')
            released[name] = value.permute(1, 2, 3, 4, 0) if value.dim() == 5 else value
    return released


def swin_weights(golden) -> dict:
    """A Swin-T release: the golden's head around weights of the backbone's own names."""
    model = build(CONFIGS['swin_t'])
    images = {f'img_{name.removeprefix("image_")}': value
              for name, value in model.state_dict().items() if name.startswith('image_')}
    rest = {name: value for name, value in golden.published.items()
            if not name.startswith(('img_backbone', 'img_neck'))}
    return {**images, **rest}


@pytest.mark.parametrize('kind', ['resnet50', 'swin_t'])
def test_published_behavior_is_switched_on_by_options_that_the_config_knows(kind):
    model = load_config(CONFIGS[kind], {'model.published': QUIRKS}).model
    head = MODELS.build(hand_down(model.published, bbox_head=model.bbox_head)[0])
    assert head.suppression.squared_radius and head.suppression.zero_scores
    assert head.suppression.radii == tuple(QUIRKS['radii'])
    assert head.losses.match_height and head.published.padding


def test_every_released_name_is_known(golden):
    names = [ours(name) for name in golden.published]
    assert None not in names
    kept = [name for name in names if name != NO_EFFECT]
    assert len(kept) == len(set(kept))


def test_names_that_nobody_released_are_unknown():
    assert ours('pts_bbox_head.point_transformer.decoder.0.extra.weight') is None
    assert ours('pts_bbox_head.extra') is None and ours('extra.weight') is None


def test_all_lidar_tensors_of_transfusion_have_a_place_in_sparsefusion(golden):
    released = published_transfusion(golden)
    assert len(released) == 306
    assert {as_sparsefusion(name) for name in released} <= set(golden.published)


def test_transfusion_converts_and_its_sparse_weights_are_turned(golden):
    conversion = convert(published_transfusion(golden))
    assert conversion.config == CONFIGS['transfusion_l'] and not conversion.options
    name = 'middle_encoder.conv_input.0.weight'
    torch.testing.assert_close(conversion.weights[name], golden.converted[name])
    model = build(CONFIGS['transfusion_l'])
    model.load_state_dict(conversion.weights)


def test_transfusion_detects_what_the_released_lidar_branch_predicts(golden, case, one_thread):
    """With the heat map of the images as its own, the head gives the golden's LiDAR branch."""
    config = load_config(CONFIGS['transfusion_l'])
    settings = config.model.bbox_head
    settings.bbox_coder.point_cloud_range = [-27, -27, -5, 27, 27, 3]
    head = MODELS.build(settings)
    weights = convert(published_transfusion(golden)).weights
    head.load_state_dict({name.removeprefix('bbox_head.'): value for name, value in weights.items()
                          if name.startswith('bbox_head.')})
    lidar, _ = golden.features('head', case.SMALL_SHAPES)
    stored = golden.outputs
    heat = torch.from_numpy(stored['head_dense_heatmap'])
    head.heat = torch.nn.Identity()
    head.heat.forward = lambda _: heat
    with torch.no_grad():
        found = head.eval()(lidar)
    place = {key: column for column, key in enumerate(zip(
        found.peaks.labels[0].tolist(), found.peaks.cells[0].tolist(), strict=True))}
    columns = [place[key] for key in zip(stored['head_pts_query_class'][0].tolist(),
                                         stored['head_pts_query_index'][0].tolist(), strict=True)]
    for name in ('center', 'height', 'vel', 'heatmap'):
        torch.testing.assert_close(
            found.layers[-1][name][..., columns],
            torch.from_numpy(stored[f'head_pred_{name}'][..., :200]), atol=1e-4, rtol=0)


def test_swin_converts(golden):
    released = swin_weights(golden)
    assert kind_of(released) == 'swin_t'
    conversion = convert(released)
    assert conversion.config == CONFIGS['swin_t']
    build(CONFIGS['swin_t']).load_state_dict(conversion.weights)


def test_what_does_not_fit_is_refused(golden):
    released = dict(golden.published)
    with pytest.raises(CheckpointError, match='missing'):
        convert({name: value for name, value in released.items() if 'level_pos' not in name})
    with pytest.raises(CheckpointError, match='unknown'):
        convert({**released, 'pts_bbox_head.surprise': torch.zeros(1)})
    with pytest.raises(CheckpointError, match='shape'):
        convert({**released, 'pts_bbox_head.level_pos': torch.zeros(3, 128)})
    with pytest.raises(CheckpointError, match='no checkpoint of SparseFusion'):
        convert({'backbone.weight': torch.zeros(1)})


def test_initial_weights_take_lidar_and_images_from_their_files(golden, tmp_path):
    lidar, image, target = (tmp_path / f'{name}.pth' for name in ('lidar', 'image', 'initial'))
    torch.save(dict(state_dict=published_transfusion(golden)), lidar)
    torch.save(dict(state_dict={
        **{name.removeprefix('img_'): value for name, value in golden.published.items()
           if name.startswith('img_')}, 'roi_head.bbox_head.fc_cls.weight': torch.zeros(2, 2)}),
        image)
    counts = merge_initial_weights(lidar, image, target)
    merged = torch.load(target, weights_only=True)['state_dict']
    assert set(merged) == set(golden.converted)
    taken = [name for name in merged if name.startswith((
        'middle_encoder.', 'backbone.', 'neck.', 'image_', 'bbox_head.lidar_decoder.',
        'bbox_head.shared.', 'bbox_head.class_encoding.'))]
    for name in taken:
        torch.testing.assert_close(merged[name], golden.converted[name])
    assert counts['lidar'] + counts['image'] == len(taken)
    torch.save(dict(state_dict={'backbone.conv1.weight': torch.zeros(1)}), image)
    with pytest.raises(CheckpointError, match='images'):
        merge_initial_weights(lidar, image, target)
