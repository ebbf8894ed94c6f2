"""A NaN stops the training before the weights learn from it, and is traced to its place."""
from __future__ import annotations

import pytest
import torch
from torch import nn

from sparse3d.apis import train
from sparse3d.checkpoints.open import read_any_checkpoint
from sparse3d.engine.hooks.non_finite_watch import NonFiniteLoss, first_non_finite


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(2, 2), nn.Linear(2, 1)
        self.data_preprocessor = lambda batch, training: batch

    def forward(self, inputs, data_samples=None, mode='loss'):
        return {'loss': self.second(self.first(inputs['points']).log()).sum()}


def test_the_first_tensor_is_named():
    model, good = Model(), {'inputs': {'points': torch.ones(3, 2)}}
    assert first_non_finite(model, {'inputs': {'points': [torch.tensor([1.0, float('inf')])]}}) \
        == 'inputs.points[0] of the batch'
    with torch.no_grad():
        model.first.weight.fill_(-1)
        model.first.bias.zero_()
    assert first_non_finite(model, good) == 'the loss loss' or \
        first_non_finite(model, good) == 'the output of second (Linear)'
    model.second.weight.data[0, 0] = float('nan')
    assert first_non_finite(model, good) == 'the weight second.weight'


def test_no_other_process_is_waited_for(monkeypatch):
    """Their losses are finite: they are in the backward pass by then."""
    monkeypatch.setattr(torch.distributed, 'is_initialized', lambda: True)
    model, forward = Model(), Model.forward

    def waiting(self, *given, **options):
        assert not torch.distributed.is_initialized(), 'a mean over all processes hangs here'
        return forward(self, *given, **options)

    monkeypatch.setattr(Model, 'forward', waiting)
    first_non_finite(model, {'inputs': {'points': torch.ones(3, 2)}})
    assert torch.distributed.is_initialized()


def test_training_stops_with_weights_as_they_were(tiny_config, tmp_path):
    """Points of 1e38 overflow in the first layer."""
    with pytest.raises(NonFiniteLoss) as error:
        train(tiny_config, tmp_path, {'train_dataloader.dataset.jitter': 1e38})
    assert 'epoch 1, iteration 1' in str(error.value)
    assert 'the output of hidden (Linear)' in str(error.value) or 'inputs' in str(error.value)
    batch = read_any_checkpoint(tmp_path / 'non_finite_batch.pth')
    assert len(batch['samples']) == 4 and batch['samples'][0]['bboxes_3d'].shape == (1, 7)


def test_a_training_without_nan_is_left_alone(tiny_config, tmp_path):
    assert train(tiny_config, tmp_path).epochs == 4


def test_an_overflow_in_half_is_no_chance(pretended_gpu, tiny_config, tmp_path):
    """Points of 1e5 are infinite in float16 alone; the scaler cannot mend a forward pass."""
    with pytest.raises(NonFiniteLoss, match='float16 overflows, and no loss scale helps') as error:
        train(tiny_config, tmp_path, {'train_dataloader.dataset.jitter': 1e5}, amp=True)
    assert 'the output of ' in str(error.value) and 'chance' not in str(error.value)


def test_the_watch_leaves_scaled_gradients_to_the_scaler(pretended_gpu, tiny_config, tmp_path):
    """A scale beyond float16: every step is left out and the scale halved, nothing stops."""
    config = tmp_path / 'scaled.py'
    config.write_text(f"_base_ = '{tiny_config}'\noptim_wrapper = dict(type='AmpOptimWrapper', "
                      f"loss_scale=dict(init_scale=2.0 ** 60))\n")
    result = train(config, tmp_path / 'work')
    assert result.epochs == 4
    scale = read_any_checkpoint(result.checkpoint)['optimizer']['loss_scaler']['scale']
    assert scale < 2.0 ** 60
