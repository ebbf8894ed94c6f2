"""A constant is made once, is fit for training after a prediction, and follows type and tracing."""
from __future__ import annotations

import torch

from sparse3d.ops.constants import constant


def test_it_is_made_once_for_a_type():
    like = torch.zeros(2)
    assert constant([1, 2.5], like) is constant((1, 2.5), torch.ones(9))
    assert constant([1, 2.5], like.double()).dtype == torch.float64
    assert constant([1, 2], like, torch.long).tolist() == [1, 2]


def test_a_constant_of_a_prediction_serves_in_training():
    with torch.inference_mode():
        constant([3.25, 7.5], torch.zeros(1))
    values = torch.ones(2, requires_grad=True)
    (values * constant([3.25, 7.5], values)).sum().backward()
    assert values.grad.tolist() == [3.25, 7.5]


def test_an_exported_program_works():
    class Scaled(torch.nn.Module):
        def forward(self, values):
            return values * constant([2.125, 4.0], values)

    program = torch.export.export(Scaled(), (torch.ones(2),)).module()
    assert program(torch.ones(2)).tolist() == [2.125, 4]
    assert (constant([2.125, 4.0], torch.ones(2)) + 0).tolist() == [2.125, 4]
    assert torch.jit.trace(Scaled(), torch.ones(2))(torch.ones(2)).tolist() == [2.125, 4]
