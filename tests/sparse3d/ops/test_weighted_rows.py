"""Rows of maps and their weighted sums: equal to plain operators, one gradient for all readings."""
from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from sparse3d.engine.timing import torch_threads
from sparse3d.ops import weighted_rows as module
from sparse3d.ops.compiled_kernels import lack
from sparse3d.ops.weighted_rows import SharedGradient, rows_of_maps, weighted_rows

NEEDS_KERNELS = pytest.mark.skipif(lack() is not None, reason=f'it {lack()}')
pytestmark = pytest.mark.fast


def maps(channels_last=False, dtype=torch.float32):
    random = torch.Generator().manual_seed(0)
    found = [torch.randn(3, 2, 36, *size, generator=random).to(dtype)
             for size in ((9, 11), (5, 7))]
    if channels_last:
        found = [level.movedim(2, -1).contiguous().movedim(-1, 2) for level in found]
    return [level.requires_grad_() for level in found]


def reading(count, columns=5, rows=900):
    random = torch.Generator().manual_seed(1)
    at = torch.randint(rows, (count, columns), generator=random)
    at[0] = rows - 1
    return at, torch.randn(count, columns, generator=random)


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize('channels_last', [False, True])
def test_rows_of_maps_are_those_of_plain_operators(channels_last, dtype):
    levels = maps(channels_last, dtype)
    table = rows_of_maps(levels, 4, SharedGradient())
    plain = torch.cat([level.permute(0, 1, 3, 4, 2).reshape(-1, 9) for level in levels]
                      + [torch.zeros(1, 9, dtype=dtype)])
    assert torch.equal(table, plain)
    assert torch.equal(module._joined(levels, 4), plain)
    weight = torch.randn(table.shape).to(dtype)
    found = torch.autograd.grad((table * weight).sum(), levels)
    expected = torch.autograd.grad((plain * weight).sum(), levels)
    assert all(map(torch.equal, found, expected))


def gradients(levels, readings, read, shared, table):
    total = sum(read(table, rows, weights, shared).square().sum() for rows, weights in readings)
    return torch.autograd.grad(total, [*levels, *(weights for _, weights in readings)])


@NEEDS_KERNELS
@pytest.mark.parametrize('threads', [1, 2])
def test_several_readings_share_one_gradient(threads, monkeypatch):
    monkeypatch.setattr('sparse3d.ops.compiled_kernels.WORK_OF_THREAD', 1)
    levels = maps()
    shared = SharedGradient()
    table = rows_of_maps(levels, 4, shared)
    readings = [reading(count, rows=len(table)) for count in (7, 300, 40)]
    for _, weights in readings:
        weights.requires_grad_()

    def plainly(table, rows, weights, _):
        return F.embedding_bag(rows, table, mode='sum', per_sample_weights=weights)

    expected = gradients(levels, readings, plainly, None, module._joined(levels, 4))
    zeros = []
    monkeypatch.setattr(torch, 'zeros_like', lambda value, real=torch.zeros_like: (
        zeros.append(value.shape), real(value))[1])
    with torch_threads(threads):
        found = gradients(levels, readings, weighted_rows, shared, table)
    for ours, theirs in zip(found, expected, strict=True):
        # Float sums in another order; a weight that reads the last row has the gradient 0 in both.
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    assert zeros.count(table.shape) == 1  # once a step, not once a reading


@NEEDS_KERNELS
def test_threads_change_no_bit(monkeypatch):
    monkeypatch.setattr('sparse3d.ops.compiled_kernels.WORK_OF_THREAD', 1)
    found = []
    for threads in (1, 2):
        levels, shared = maps(), SharedGradient()
        with torch_threads(threads):
            table = rows_of_maps(levels, 4, shared)
            rows, weights = reading(500, rows=len(table))
            found.append(gradients(levels, [(rows, weights.requires_grad_())], weighted_rows,
                                   shared, table))
    assert all(map(torch.equal, *found))


@NEEDS_KERNELS
def test_a_pass_for_other_gradients_leaves_nothing_behind():
    levels, shared = maps(), SharedGradient()
    table = rows_of_maps(levels, 4, shared)
    rows, weights = reading(30, rows=len(table))
    weights.requires_grad_()
    read = weighted_rows(table, rows, weights, shared).square().sum()
    alone = torch.autograd.grad(read, weights, retain_graph=True)[0]  # not those of the maps
    both = [torch.autograd.grad(read, levels, retain_graph=True) for _ in range(2)]
    assert all(map(torch.equal, *both))
    assert torch.equal(torch.autograd.grad(read, weights)[0], alone)


@NEEDS_KERNELS
def test_another_table_has_its_own_gradient():
    table = torch.randn(50, 9)
    table[-1] = 0
    rows, weights = reading(30, rows=len(table))
    table.requires_grad_()
    found = torch.autograd.grad(weighted_rows(table, rows, weights).square().sum(), table)[0]
    plain = F.embedding_bag(rows, table, mode='sum', per_sample_weights=weights).square().sum()
    expected = torch.autograd.grad(plain, table)[0]
    torch.testing.assert_close(found[:-1], expected[:-1], rtol=1e-4, atol=1e-4)
    assert not found[-1].any()


def test_without_kernels_the_gradients_are_the_same(monkeypatch):
    monkeypatch.setattr(module, 'library', lambda: None)
    levels, shared = maps(), SharedGradient()
    table = rows_of_maps(levels, 4, shared)
    rows, weights = reading(20, rows=len(table))
    readings = [(rows, weights.requires_grad_())]
    found = gradients(levels, readings, weighted_rows, shared, table)
    expected = gradients(levels, readings, lambda table, rows, weights, _: F.embedding_bag(
        rows, table, mode='sum', per_sample_weights=weights), None, module._joined(levels, 4))
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_rows_of_32_bits_are_not_read_as_64():
    table = torch.randn(900, 8)
    table[-1] = 0
    rows, weights = reading(40)
    gradients = []
    for kind in (torch.int64, torch.int32):
        given = table.clone().requires_grad_(), weights.clone().requires_grad_()
        weighted_rows(given[0], rows.to(kind), given[1]).square().sum().backward()
        gradients.append([value.grad for value in given])
    torch.testing.assert_close(gradients[1][0][:-1], gradients[0][0][:-1])
    torch.testing.assert_close(gradients[1][1], gradients[0][1])
