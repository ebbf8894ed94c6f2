"""Every config reads, builds a model, and says what the published row says."""
from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmdet3d.registry import MODELS, TRANSFORMS
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope

from sparse3d.engine.load_config import load_config
from sparsebev.published import SparseBEVPublished

CONFIGS = sorted((Path(__file__).resolve().parents[2] / 'configs' / 'sparsebev').glob('*.py'))
# Name: millions of parameters, queries, frames, levels, image, rate of the backbone, epochs.
PUBLISHED = {
    'sparsebev_r50_nuscenes': (44.57, 900, 8, 4, [256, 704], 0.1, 24),
    'sparsebev_r50_400q_nuscenes': (44.57, 400, 8, 4, [256, 704], 0.1, 36),
    'sparsebev_r50_imagenet_nuscenes': (44.57, 900, 8, 4, [256, 704], 0.4, 36),
    'sparsebev_r101_nuscenes': (63.57, 900, 8, 5, [512, 1408], 0.2, 24),
    'sparsebev_v299_future_nuscenes': (93.95, 1600, 15, 5, [640, 1600], 0.1, 24),
    'sparsebev_v299_future_nuscenes_trainval': (93.95, 1600, 15, 5, [640, 1600], 0.1, 24),
    'sparsebev_eva02_future_nuscenes': (340.53, 1600, 15, 5, [640, 1600], 0.1, 24),
    'sparsebev_eva02_future_nuscenes_trainval': (340.53, 1600, 15, 5, [640, 1600], 0.1, 24),
}


def model_of(config) -> torch.nn.Module:
    """The model of a config without memory for its weights."""
    init_default_scope('mmdet3d')
    options = config.model.copy()
    options.backbone.pop('init_cfg', None)
    # Swin reads numbers of a tensor while it is built.
    with torch.device('cpu' if 'Swin' in options.backbone.type else 'meta'):
        return MODELS.build(options)


def parts_of(config, split: str) -> list:
    """Configs of the datasets of a split, which may be several joined to one."""
    dataset = config[f'{split}_dataloader'].dataset
    return dataset.get('datasets', [dataset])


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_config_is_whole(path):
    config = load_config(path)
    model = model_of(config)
    for split in ('train', 'val', 'test'):
        for dataset in parts_of(config, split):
            assert dataset.frames.num_frames == model.num_frames
            assert dataset.frames.kind == model.frame_kind
            for transform in dataset.pipeline:
                TRANSFORMS.build(transform)
    assert model.data_preprocessor.num_frames == model.num_frames
    assert model.bbox_head.num_classes == len(config.class_names)


@pytest.mark.parametrize('name', PUBLISHED)
def test_published_row(name):
    config = load_config(next(path for path in CONFIGS if path.stem == name))
    millions, queries, frames, levels, image, rate, epochs = PUBLISHED[name]
    model = model_of(config)
    assert sum(value.numel() for value in model.parameters()) / 1e6 == \
        pytest.approx(millions, abs=0.01)
    head = model.bbox_head
    assert (len(head.query_boxes), head.num_frames, head.num_levels) == (queries, frames, levels)
    for split in ('train', 'test'):
        for dataset in parts_of(config, split):
            assert [item.size for item in dataset.pipeline
                    if item.type == 'AugmentImages'] == [image]
    assert config.optim_wrapper.paramwise_cfg.custom_keys.backbone.lr_mult == rate
    assert config.optim_wrapper.optimizer.lr == 2e-4 and config.train_cfg.max_epochs == epochs
    assert config.param_scheduler[0].type == 'ExactWarmUpCosineLR'  # as long as max_epochs
    assert head.layer.sampling.quirks == SparseBEVPublished()


@pytest.mark.parametrize('kind', ['v299', 'eva02'])
def test_the_largest_published_rows_train_on_both_splits_and_differ_in_nothing_else(kind):
    folder = CONFIGS[0].parent
    alone, both = (load_config(folder / f'sparsebev_{kind}_future_nuscenes{name}.py')
                   for name in ('', '_trainval'))
    train, validation = parts_of(both, 'train')
    (expected,) = parts_of(alone, 'train')
    assert train == expected
    assert validation == dict(expected, ann_file='nuscenes_infos_val.pkl')
    assert both.train_dataloader.sampler.type == 'EpochSampler'
    for key in ('model', 'val_dataloader', 'test_dataloader', 'optim_wrapper', 'param_scheduler'):
        assert both[key] == alone[key]


def test_the_pyramid_of_eva02_learns_with_the_backbone():
    """At a tenth of the rate, as published; nothing but the head at the full one."""
    config = load_config(CONFIGS[0].with_name('sparsebev_eva02_future_nuscenes.py'))
    model = model_of(config)
    settings = {key: value for key, value in config.optim_wrapper.items()
                if key not in ('type', 'loss_scale')}
    wrapper = build_optim_wrapper(model, settings)
    groups = {id(value): group for group in wrapper.param_groups for value in group['params']}
    rates = {name: groups[id(value)]['lr'] for name, value in model.named_parameters()
             if value.requires_grad}
    assert model.neck is None
    pyramid = [rate for name, rate in rates.items() if 'simfp_' in name]
    assert len(pyramid) == 32 and set(pyramid) == {2e-5}
    full = {name.split('.')[0] for name, rate in rates.items() if rate == 2e-4}
    assert full == {'bbox_head'}


def test_the_pyramid_of_eva02_is_pre_trained_with_the_backbone(tmp_path):
    init_default_scope('mmdet3d')
    config = load_config(CONFIGS[0].with_name('sparsebev_eva02_future_nuscenes.py'))
    settings = config.model.backbone
    settings.net.channels = 32
    settings.net.blocks.update(depth=1, num_heads=2, feedforward_channels=48)
    settings.update(in_channels=32, out_channels=16)
    settings.init_cfg.checkpoint = str(tmp_path / 'eva02.pth')
    source = MODELS.build({key: value for key, value in settings.items() if key != 'init_cfg'})
    torch.save({f'backbone.{name}': value for name, value in source.state_dict().items()},
               tmp_path / 'eva02.pth')
    model = MODELS.build(settings)
    model.init_weights()
    for name, value in model.state_dict().items():
        assert torch.equal(value, source.state_dict()[name]), name


@pytest.mark.slow
def test_a_training_step_with_every_augmentation_of_the_published_config(batch_of, drive):
    config = load_config(next(path for path in CONFIGS if path.stem == 'sparsebev_r50_nuscenes'))
    config.model.backbone.pop('init_cfg')
    config.model.bbox_head.num_queries = 100
    init_default_scope('mmdet3d')
    model = MODELS.build(config.model).train()
    masked = []
    model.image_mask.probability = 1.0
    model.image_mask.register_forward_hook(
        lambda part, inputs, output: masked.append((inputs[0] != output).float().mean().item()))
    plain = model.data_preprocessor(batch_of(drive(8, 6), 8))['inputs']['imgs']
    data = model.data_preprocessor(batch_of(drive(8, 6), 8), training=True)
    assert not torch.allclose(plain, data['inputs']['imgs'])  # distorted
    losses = model(**data, mode='loss')
    sum(losses.values()).backward()
    assert len(losses) == 24 and all(value.isfinite() for value in losses.values())
    assert 0 < masked[0] < 0.5
    assert model.backbone.conv1.weight.grad is None  # frozen
    assert model.backbone.layer4[0].conv1.weight.grad.abs().sum() > 0
