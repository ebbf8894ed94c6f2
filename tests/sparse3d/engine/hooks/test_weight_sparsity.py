"""Zeros stay through AdamW, clipping, averages, resuming and two processes."""
from __future__ import annotations

import pytest
import torch

from sparse3d.apis import train
from sparse3d.engine.hooks.weight_sparsity import WeightSparsityHook
from sparse3d.errors import ConfigError
from sparse3d.weight_sparsity.masks import KEY, WeightMasks
from sparse3d.weight_sparsity.patterns import two_of_four

NAME = 'hidden.weight'


def options(mode, epochs=4, more_hooks=(), **hook):
    hook = dict(type='WeightSparsityHook', mode=mode, layers=dict(include=NAME), **hook)
    return {'train_cfg.max_epochs': epochs, 'param_scheduler.0.total_steps': epochs,
            'custom_hooks': [hook, *more_hooks], 'model.width': 16}


def content(result):
    return torch.load(result.checkpoint, map_location='cpu')


def mask_in(stored):
    return WeightMasks.unpacked(stored[KEY], 'file').masks[NAME]


def test_two_of_four_stays_and_goes_along(tiny_config, tmp_path):
    stored = content(train(tiny_config, tmp_path, options('2:4')))
    weight, mask = stored['state_dict'][NAME], mask_in(stored)
    assert (mask.unflatten(1, (-1, 4)).sum(-1) == 2).all()
    assert not weight[~mask].any() and weight[mask].all()
    moments = [state for state in stored['optimizer']['state'].values()
               if state['exp_avg'].shape == weight.shape]
    assert len(moments) == 1 and not moments[0]['exp_avg'][~mask].any()
    assert stored['state_dict']['center.weight'].all()


@pytest.mark.parametrize('mode, hook', [
    ('2:4', dict(pace=dict(begin=0.4))),
    ('gradual', dict(sparsity=0.75, pace=dict(interval=2, end=0.6))),
    ('rigl', dict(sparsity=0.5, pace=dict(interval=1, end=0.9)))])
def test_resumed_it_is_the_same_bit_for_bit(tiny_config, tmp_path, mode, hook):
    chosen = options(mode, **hook)
    whole = content(train(tiny_config, tmp_path / 'whole', chosen))
    broken = dict(chosen, **{'custom_hooks': [*chosen['custom_hooks'], dict(
        type='KillHook', iteration=5, message='killed')]})
    with pytest.raises(Exception, match='killed'):
        train(tiny_config, tmp_path / 'resumed', broken)
    resumed = content(train(tiny_config, tmp_path / 'resumed', chosen, resume='auto'))
    assert torch.equal(mask_in(whole), mask_in(resumed))
    for name, value in whole['state_dict'].items():
        assert torch.equal(value, resumed['state_dict'][name]), name


def test_the_average_is_masked_too(tiny_config, tmp_path):
    stored = content(train(tiny_config, tmp_path, options(
        '2:4', more_hooks=[dict(type='EMAHook', momentum=0.01)], pace=dict(begin=0.4))))
    mask = mask_in(stored)
    averaged = stored['state_dict'][NAME]  # mmengine keeps the average there
    own = stored['ema_state_dict'][f'module.{NAME}']
    assert not averaged[~mask].any() and not own[~mask].any()
    assert not torch.equal(averaged, own)


def test_gradual_ends_at_its_share_and_never_revives(tiny_config, tmp_path, monkeypatch):
    seen = []
    change = WeightSparsityHook._change

    def kept(self, runner):
        change(self, runner)
        seen.append(self.masks.masks[NAME].clone())

    monkeypatch.setattr(WeightSparsityHook, '_change', kept)
    stored = content(train(tiny_config, tmp_path, options(
        'gradual', sparsity=0.75, pace=dict(interval=1, begin=0.1, end=0.7))))
    zeros = [int((~mask).sum()) for mask in seen]
    assert zeros == sorted(zeros) and len(set(zeros)) > 2 and zeros[-1] == 48
    assert all(not (late & ~early).any() for early, late in zip(seen, seen[1:], strict=False))
    assert int((~mask_in(stored)).sum()) == 48


def test_rigl_moves_its_zeros_and_keeps_their_number(tiny_config, tmp_path, monkeypatch):
    seen = []
    change = WeightSparsityHook._change

    def kept(self, runner):
        before = self.masks.masks[NAME].clone()
        change(self, runner)
        seen.append((before, self.masks.masks[NAME].clone()))

    monkeypatch.setattr(WeightSparsityHook, '_change', kept)
    train(tiny_config, tmp_path, options('rigl', sparsity=0.5, pace=dict(interval=2, end=0.9)))
    assert seen and all(int(after.sum()) == 32 for _, after in seen)
    assert any(not torch.equal(before, after) for before, after in seen)


def test_gradients_are_masked_before_they_are_clipped(tiny_config, tmp_path, monkeypatch):
    """Else masked weights would shorten the steps of the others."""
    norms = []
    clip = torch.nn.utils.clip_grad_norm_

    def measured(parameters, *given, **named):
        parameters = list(parameters)
        norms.append(any(value.grad is not None and value.shape == (16, 4)
                         and int((value.grad == 0).sum()) >= 32 for value in parameters))
        return clip(parameters, *given, **named)

    monkeypatch.setattr(torch.nn.utils, 'clip_grad_norm_', measured)
    train(tiny_config, tmp_path, options('2:4', epochs=2))
    assert norms and all(norms)


def test_a_pruned_checkpoint_is_trained_on_with_its_masks(tiny_config, tmp_path):
    first = train(tiny_config, tmp_path / 'first', options('2:4', epochs=2))
    second = content(train(tiny_config, tmp_path / 'second', {
        **options('fixed', epochs=2), 'load_from': str(first.checkpoint)}))
    assert torch.equal(mask_in(second), mask_in(content(first)))
    assert not second['state_dict'][NAME][~mask_in(second)].any()
    with pytest.raises(ConfigError, match="sparse3d prune"):
        train(tiny_config, tmp_path / 'third', options('fixed', epochs=2))


def test_a_masked_model_is_the_dense_one_with_the_same_zeros():
    layer = torch.nn.Linear(16, 8)
    masks = WeightMasks({'weight': two_of_four(layer.weight)})
    by_hand = torch.nn.Linear(16, 8)
    by_hand.load_state_dict(dict(layer.state_dict(), weight=layer.weight * masks.masks['weight']))
    masks.apply(layer)
    given = torch.randn(3, 16)
    assert torch.equal(layer(given), by_hand(given))


@pytest.mark.parametrize('wrong, told', [
    (dict(mode='3:4'), "'3:4'"), (dict(sparsity=1.0), 'sparsity is 1.0'),
    (dict(distribution='normal'), "'normal'"), (dict(pace=dict(interval=0)), 'interval'),
    (dict(pace=dict(begin=0.9, end=0.2)), 'in this order')])
def test_what_cannot_be_meant_is_refused(wrong, told):
    with pytest.raises(ConfigError, match=told):
        WeightSparsityHook(**wrong)


@pytest.mark.parametrize('wrong, told', [
    (dict(sparsity='0.8'), "sparsity is '0.8'"), (dict(block=4, mode='gradual'), 'block is 4'),
    (dict(block=(4, 1), mode='rigl'), "block is of mode='gradual', not of 'rigl'"),
    (dict(distribution=['erk']), "distribution is"), (dict(seed='x'), "seed is 'x'"),
    (dict(pace=dict(begin='0')), "begin='0'"), (dict(pace=dict(interval=1.5)), 'interval=1.5'),
    (dict(mode='rigl', pace=dict(replaced=2)), 'replaced=2'),
    (dict(layers=dict(kinds=['dense'])), "no kind of layer 'dense'"),
    (dict(layers=dict(kinds='linear')), "give a list, such as"),
    (dict(layers=dict(exclude='ffn(')), 'no pattern of names')])
def test_values_of_another_kind_are_refused(wrong, told):
    with pytest.raises(ConfigError, match=told):
        WeightSparsityHook(**wrong)


def test_blocks_that_do_not_fit_are_refused_before_the_first_step(tiny_config, tmp_path):
    with pytest.raises(ConfigError, match=r'hidden.weight of 16 x 4 does not divide .* 5 x 1'):
        train(tiny_config, tmp_path, options('gradual', block=(5, 1), pace=dict(begin=0.7)))
    assert not list(tmp_path.iterdir())


def test_masks_are_kept_whatever_layers_the_hook_would_choose(tiny_config, tmp_path):
    first = train(tiny_config, tmp_path / 'first', options('2:4', epochs=2))
    chosen = options('fixed', epochs=2)
    del chosen['custom_hooks'][0]['layers']  # no layer of the tiny model is large enough
    second = train(tiny_config, tmp_path / 'second', {**chosen, 'load_from': str(
        first.checkpoint)})
    assert torch.equal(mask_in(content(second)), mask_in(content(first)))


def test_other_masks_are_not_taken_for_two_of_four(tiny_config, tmp_path):
    first = train(tiny_config, tmp_path / 'first', options('rigl', epochs=2, sparsity=0.25))
    with pytest.raises(ConfigError, match="masks that are not 2:4; keep them with .*'fixed'"):
        train(tiny_config, tmp_path / 'second', {**options('2:4', epochs=2), 'load_from': str(
            first.checkpoint)})


@pytest.mark.parametrize('mode, hook, zeros', [
    ('gradual', dict(sparsity=0.75, pace=dict(interval=3, end=1.0)), 48),
    ('gradual', dict(sparsity=0.75, pace=dict(begin=1.0, end=1.0)), 48),
    ('2:4', dict(pace=dict(begin=1.0)), 32), ('2:4', dict(pace=dict(begin=0.9)), 32)])
def test_the_last_step_brings_what_was_to_come(tiny_config, tmp_path, mode, hook, zeros):
    mask = mask_in(content(train(tiny_config, tmp_path, options(mode, **hook))))
    assert int((~mask).sum()) == zeros


@pytest.mark.parametrize('mode', ['gradual', 'rigl'])
def test_masks_change_with_accumulated_gradients_too(tiny_config, tmp_path, monkeypatch, mode):
    """Two batches make a step, at iterations 1, 3, ...: none of them a multiple of 2."""
    changes = []
    change = WeightSparsityHook._change
    monkeypatch.setattr(WeightSparsityHook, '_change', lambda self, runner: (
        changes.append(runner.iter), change(self, runner)))
    train(tiny_config, tmp_path, options(mode, sparsity=0.5, pace=dict(interval=2, end=0.9)),
          accumulate=2)
    assert changes == ([1, 3, 5, 7] if mode == 'gradual' else [3, 5])
