"""Optimizers and schedules built from the published configs equal those of the released code."""
from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import nn

from released_recipes import EXACT, RECIPES, Recipe, Training, fill_function, values


@pytest.fixture(params=RECIPES)
def recipe(request) -> Recipe:
    return RECIPES[request.param]


def test_every_parameter_gets_what_the_release_gives_it(recipe, golden_dir):
    training = Training(recipe, golden_dir, short=True)
    training.start()
    trained = [name for name, about in training.released.items() if about['requires_grad']]
    assert len(training.trained) == len(trained) - recipe.absent
    for name, found in training.ours.items():
        assert training.parameters[found].requires_grad == (name in trained), name
    for name in training.optimized:
        released, group = training.released[name], training.group_of(name)
        assert group['initial_lr'] == pytest.approx(released['lr'] * recipe.peak, rel=1e-12), name
        assert (group['weight_decay'], group['eps']) == (
            released['weight_decay'], released['eps']), name
        first = released['betas'][0] or training.schedule['short_beta1'][0, 0]
        assert group['betas'] == (first, released['betas'][1]), name
    assert training.optim_wrapper.clip_grad_kwargs == training.clip


def test_what_the_release_of_dsvt_leaves_out_is_trained_unless_asked_for(golden_dir):
    left_out = set(np.load(golden_dir / 'dsvt/training/optimizer_steps.npz')['left_out'].tolist())
    for name, numbers in (('dsvt', 889_344), ('dsvt_as_published', 0)):
        training = Training(RECIPES[name], golden_dir, short=True)
        training.start()
        assert left_out == {name for name, about in training.released.items()
                            if about['group'] is None}
        given = [training.parameters[training.ours[name]] for name in left_out
                 if id(training.parameters[training.ours[name]]) in training.groups]
        assert sum(value.numel() for value in given) == numbers


def test_rates_and_momenta_of_a_short_training(recipe, golden_dir):
    training = Training(recipe, golden_dir, short=True)
    training.start()
    for iteration, (rates, betas) in enumerate(zip(
            training.schedule['short_lr'], training.schedule['short_beta1'], strict=True)):
        compare(training, rates, betas, iteration)
        training.optim_wrapper.optimizer._global_step = iteration
        for schedule in training.schedules:
            schedule.step()


def test_rates_and_momenta_of_the_published_training(recipe, golden_dir):
    training = Training(recipe, golden_dir, short=False)
    training.start()
    iterations = training.schedule['published_iter']
    for row, iteration in enumerate(iterations):
        training.go_to(int(iteration))
        compare(training, training.schedule['published_lr'][row],
                training.schedule['published_beta1'][row], iteration)
    assert iterations[-1] == training.schedules[0].total_steps - 1


def compare(training: Training, rates: np.ndarray, betas: np.ndarray, iteration: int) -> None:
    groups = [training.group_of(name) for name in training.optimized]
    where = f'in iteration {iteration}'
    np.testing.assert_allclose([group['lr'] for group in groups], rates[training.columns],
                               **EXACT, err_msg=where)
    np.testing.assert_allclose([group['betas'][0] for group in groups], betas[training.columns],
                               **EXACT, err_msg=where)


SMALL = 20_000  # elements of a parameter; Adam treats each element alike


def test_forty_optimizer_steps(recipe, golden_dir):
    """Weights, gradients and their order come from names; the elements' order has no effect."""
    training = Training(recipe, golden_dir, short=True)
    stored = np.load(training.golden / recipe.steps)
    fill = fill_function(golden_dir)
    listing = json.loads((training.golden.parent / recipe.state).read_text())
    shapes = {entry[0]: entry[1] for entry in listing}
    given = {entry[0]: torch.tensor(entry[2]).double() for entry in listing if len(entry) > 2}
    chosen = {name: found for name, found in training.trained.items()
              if recipe.whole or np.prod(shapes[name]) <= SMALL}
    first = {name: given[name] if name in given else values(fill, name, shapes[name])
             for name in chosen}
    training.replace({found: first[name].clone() for name, found in chosen.items()})
    training.start()
    gradients = [{found: values(fill, f'gradient {turn}: {name}', shapes[name])
                  * float(stored['gradient_scale'][turn]) for name, found in chosen.items()}
                 for turn in range(4)]
    rows = {name: row for row, name in enumerate(stored['param_names'].tolist())}
    wrapper, checked = training.optim_wrapper, 0
    for iteration in range(40):
        for found, gradient in gradients[iteration % 4].items():
            parameter = training.parameters[found]
            parameter.grad = gradient.reshape(parameter.shape).clone()
        clip(wrapper, recipe, stored, iteration)
        wrapper.optimizer.step()
        for schedule in training.schedules:
            schedule.step()
        if iteration + 1 in stored['after_step']:
            row = stored['after_step'].tolist().index(iteration + 1)
            for name, found in chosen.items():
                now = training.parameters[found].detach().reshape(-1)
                expected = stored['params'][row, rows[name]]
                size, moved = now.square().sum(), (now - first[name].reshape(-1)).square().sum()
                np.testing.assert_allclose(
                    [size.sqrt(), moved.sqrt()], np.sqrt(expected[[1, 3]]), **EXACT,
                    err_msg=f'{name} after {iteration + 1} steps')
                checked += 1
    assert checked == 8 * len(chosen) and len(chosen) > 30


def clip(wrapper, recipe: Recipe, stored: np.lib.npyio.NpzFile, iteration: int) -> None:
    """Clip as the wrapper does, or by the released norm where not all parameters are there."""
    if recipe.whole:
        groups = [group['params'] for group in wrapper.param_groups]
        parameters = [value for group in (*groups, getattr(wrapper, 'left_out', ()))
                      for value in group if value.grad is not None]
        norm = nn.utils.get_total_norm([value.grad for value in parameters])
        np.testing.assert_allclose(norm, stored['norm_before'][iteration], **EXACT)
        wrapper._clip_grad()
        return
    largest = wrapper.clip_grad_kwargs['max_norm']
    factor = min(1.0, largest / (float(stored['norm_before'][iteration]) + 1e-6))
    for group in wrapper.param_groups:
        for value in group['params']:
            if value.grad is not None:
                value.grad.mul_(factor)
