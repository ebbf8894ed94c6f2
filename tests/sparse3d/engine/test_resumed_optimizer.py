"""A resumed training has the optimizer that it began with, or says what differs."""
from __future__ import annotations

import pytest
import torch

from sparse3d.apis import load_config, train
from sparse3d.engine.resumed_optimizer import check_epochs_left, check_resumed_optimizer
from sparse3d.errors import CheckpointError


def optimizer(kind=torch.optim.AdamW, numbers=(2, 1), **options):
    groups = [dict(params=[torch.nn.Parameter(torch.zeros(1)) for _ in range(number)],
                   initial_lr=0.01) for number in numbers]
    return kind(groups, **{'lr': 0.01, **options})


def test_one_in_the_middle_of_its_schedule_goes_on():
    saved = optimizer(lr=0.003).state_dict()  # the rate of that iteration
    check_resumed_optimizer(optimizer().param_groups, saved, 'epoch_2.pth')
    check_resumed_optimizer(optimizer().param_groups, {'head': saved}, 'epoch_2.pth')


def without_schedule(made):
    for group in made.param_groups:
        del group['initial_lr']
    return made


@pytest.mark.parametrize('here, there, told', [
    (optimizer(weight_decay=0.3), optimizer(), 'group 0 has weight_decay 0.01, here it has 0.3'),
    (optimizer(numbers=(3,)), optimizer(), '3 parameters in 2 groups, here it has 3 .* in 1 '),
    (optimizer(torch.optim.SGD), optimizer(), 'another kind of optimizer'),
    (without_schedule(optimizer()), without_schedule(optimizer(lr=0.1)),
     'lr 0.1, here it has 0.01')])
def test_another_one_is_refused_with_both_values(here, there, told):
    with pytest.raises(CheckpointError, match=f'epoch_2.pth belongs .*{told}.*load_from=epoch_2'):
        check_resumed_optimizer(here.param_groups, there.state_dict(), 'epoch_2.pth')


@pytest.mark.parametrize('options, arguments, told', [
    ({'optim_wrapper.optimizer.lr': 1e-5}, {}, 'has initial_lr 0.001, here it has 1e-06'),
    ({'auto_scale_lr.base_batch_size': 16}, dict(auto_scale_lr=True), 'here it has 0.00025'),
    ({'param_scheduler': None}, {}, 'with 1 schedules, this one has 0'),
    ({'train_cfg.max_epochs': 1}, {}, 'has 2 epochs behind it, the training takes 1')])
def test_a_training_with_other_rates_is_not_resumed(tiny_config, tmp_path, options, arguments,
                                                    told):
    config = load_config(tiny_config)
    config.optim_wrapper.paramwise_cfg = dict(custom_keys=dict(hidden=dict(lr_mult=0.1)))
    config.param_scheduler = [dict(type='ExactOneCycleLR', by_epoch=True,
                                   convert_to_iter_based=True)]
    train(config, tmp_path, {'train_cfg.max_epochs': 2})
    train(config, tmp_path, {'train_cfg.max_epochs': 2}, resume='auto', dry_run=True)
    with pytest.raises(CheckpointError, match=told):
        train(config, tmp_path, {'train_cfg.max_epochs': 2, **options}, resume='auto',
              dry_run=True, **arguments)


def test_a_training_without_schedule_gets_none_in_its_middle(tiny_config, tmp_path):
    train(tiny_config, tmp_path, {'param_scheduler': None}, epochs=2)
    with pytest.raises(CheckpointError, match='with 0 schedules, this one has 1'):
        train(tiny_config, tmp_path, resume='auto', dry_run=True, epochs=2)


def test_more_epochs_than_are_done_are_left():
    check_epochs_left(3, 3, 'epoch_3.pth')
    check_epochs_left(None, 3, 'iter_3.pth')
    with pytest.raises(CheckpointError, match='give --epochs 3 or more'):
        check_epochs_left(2, 3, 'epoch_3.pth')
