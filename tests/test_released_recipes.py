"""Optimizers and schedules built from the published configs equal those of the released code."""
from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from released_recipes import (
    EXACT,
    HERE,
    RECIPES,
    Recipe,
    Training,
    drawn,
    fill_function,
    values,
)


@pytest.fixture(params=RECIPES)
def recipe(request) -> Recipe:
    return RECIPES[request.param]


@pytest.fixture
def stored_dir(request, recipe) -> Path:
    """Where what a release has stored is: in the repository, or in the goldens."""
    return HERE if recipe.here else request.getfixturevalue('golden_dir')


def test_every_parameter_gets_what_the_release_gives_it(recipe, stored_dir):
    training = Training(recipe, stored_dir, short=True)
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


@pytest.mark.parametrize('name, steps, numbers', [
    ('dsvt', 'dsvt/training/optimizer_steps.npz', 889_344),
    ('safdnet_nuscenes', 'safdnet_nuscenes/optimizer_steps.npz', 99_072),
    ('hednet_nuscenes', 'hednet_nuscenes/optimizer_steps.npz', 99_072)])
def test_what_a_release_leaves_out_is_trained_unless_asked_for(name, steps, numbers, request):
    """Projections into attention, which belong to a module with another inside."""
    folder = HERE if RECIPES[name].here else request.getfixturevalue('golden_dir')
    left_out = set(np.load(folder / steps)['left_out'].tolist())
    for recipe, trained in ((name, numbers), (f'{name}_as_published', 0)):
        training = Training(RECIPES[recipe], folder, short=True)
        training.start()
        assert left_out == {name for name, about in training.released.items()
                            if about['group'] is None and about['requires_grad']}
        given = [training.parameters[training.ours[name]] for name in left_out
                 if id(training.parameters[training.ours[name]]) in training.groups]
        assert sum(value.numel() for value in given) == trained


def test_rates_and_momenta_of_a_short_training(recipe, stored_dir):
    training = Training(recipe, stored_dir, short=True)
    training.start()
    for iteration, (rates, betas) in enumerate(zip(
            training.schedule['short_lr'], training.schedule['short_beta1'], strict=True)):
        compare(training, rates, betas, iteration)
        training.optim_wrapper.optimizer._global_step = iteration
        for schedule in training.schedules:
            schedule.step()


def test_rates_and_momenta_of_the_published_training(recipe, stored_dir):
    training = Training(recipe, stored_dir, short=False)
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


class Given:
    """What a stored training began with, and its four sets of gradients, by our names."""

    def __init__(self, training: Training, stored: np.lib.npyio.NpzFile, golden_dir: Path) -> None:
        self.recipe, self.scales = training.recipe, stored['gradient_scale']
        if self.recipe.here:
            self.shapes = {name: about['shape'] for name, about in training.released.items()}
            self.draw, self.first = drawn, {}
        else:
            listing = json.loads((training.golden.parent / self.recipe.state).read_text())
            self.shapes = {entry[0]: entry[1] for entry in listing}
            self.draw = partial(values, fill_function(golden_dir))
            self.first = {entry[0]: torch.tensor(entry[2]).double() for entry in listing
                          if len(entry) > 2}
        everything = self.recipe.here or self.recipe.whole
        self.chosen = {name: found for name, found in training.trained.items()
                       if everything or np.prod(self.shapes[name]) <= SMALL}
        self.absent = [name for name, about in training.released.items()
                       if about['requires_grad'] and name not in training.ours]

    def start(self, name: str) -> Tensor:
        if name in self.first:
            return self.first[name]
        return self.draw(f'start: {name}' if self.recipe.here else name, self.shapes[name])

    def gradient(self, turn: int, name: str) -> Tensor:
        return self.draw(f'gradient {turn}: {name}', self.shapes[name]) * float(self.scales[turn])

    def norm_of_absent(self, turn: int) -> float:
        """Of the gradients of parameters that ours does without."""
        return float(sum(self.gradient(turn, name).square().sum() for name in self.absent)) ** 0.5


def test_forty_optimizer_steps(recipe, stored_dir):
    """Weights, gradients and their order come from names; the elements' order has no effect."""
    training = Training(recipe, stored_dir, short=True)
    stored = np.load(training.golden / recipe.steps)
    given = Given(training, stored, stored_dir)
    first = {name: given.start(name) for name in given.chosen}
    training.replace({found: first[name].clone() for name, found in given.chosen.items()})
    training.start()
    gradients = [{found: given.gradient(turn, name) for name, found in given.chosen.items()}
                 for turn in range(4)]
    rows = {name: row for row, name in enumerate(stored['param_names'].tolist())}
    wrapper, checked = training.optim_wrapper, 0
    for iteration in range(40):
        wrapper.zero_grad()
        for found, gradient in gradients[iteration % 4].items():
            parameter = training.parameters[found]
            before = parameter.grad if recipe.here else None  # of what is left out they add up
            gradient = gradient.reshape(parameter.shape)
            parameter.grad = gradient.clone() if before is None else before + gradient
        clip(wrapper, recipe, stored, iteration, given.norm_of_absent(iteration % 4))
        wrapper.optimizer.step()
        for schedule in training.schedules:
            schedule.step()
        if iteration + 1 in stored['after_step']:
            row = stored['after_step'].tolist().index(iteration + 1)
            for name, found in given.chosen.items():
                now = training.parameters[found].detach().reshape(-1)
                squares = stored['params'][row, rows[name]]  # with sums between, in the goldens
                squares = squares if recipe.here else squares[1::2]
                size, moved = now.square().sum(), (now - first[name].reshape(-1)).square().sum()
                np.testing.assert_allclose(
                    [size.sqrt(), moved.sqrt()], np.sqrt(squares), **EXACT,
                    err_msg=f'{name} after {iteration + 1} steps')
                checked += 1
    assert checked == len(stored['after_step']) * len(given.chosen) and len(given.chosen) > 30


def clip(wrapper, recipe: Recipe, stored: np.lib.npyio.NpzFile, iteration: int,
         absent: float) -> None:
    """Clip as the wrapper does, or by the released norm where not all parameters are there."""
    groups = [group['params'] for group in wrapper.param_groups]
    parameters = [value for group in (*groups, getattr(wrapper, 'left_out', ()))
                  for value in group if value.grad is not None]
    if recipe.whole or recipe.here:
        norm = float(nn.utils.get_total_norm([value.grad for value in parameters]))
        np.testing.assert_allclose(np.hypot(norm, absent), stored['norm_before'][iteration],
                                   **EXACT)
    if recipe.whole or (recipe.here and not absent):
        wrapper._clip_grad()
        return
    largest = wrapper.clip_grad_kwargs['max_norm']
    factor = min(1.0, largest / (float(stored['norm_before'][iteration]) + 1e-6))
    for value in parameters:
        value.grad.mul_(factor)
