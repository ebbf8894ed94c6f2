"""The pretended device refuses, counts and computes as a GPU would."""
from __future__ import annotations

import pytest
import torch
from torch import nn

from sparse3d_benchmarks.pretended_cuda.record import DeviceFault, by_owner

MISTAKES = {
    'two devices': lambda a, b: a + b,
    'two devices in a list': lambda a, b: torch.cat([a, b]),
    'an index on the device': lambda a, b: b[torch.zeros(1, dtype=torch.long, device='cuda')],
    'values on the CPU': lambda a, b: a.index_put_((torch.tensor([0]),), torch.ones(1, 3)),
    'weights on the CPU': lambda a, b: nn.functional.linear(a, b),
    'in place': lambda a, b: b.add_(a),
    'a generator of the CPU': lambda a, b: torch.rand(3, device='cuda',
                                                      generator=torch.Generator()),
    'numpy': lambda a, b: a.numpy(),
    'a product of whole numbers': lambda a, b: a.long() @ a.long().T,
    'an inverse in half': lambda a, b: torch.linalg.inv(torch.eye(3, device='cuda').half()),
    'distances in half': lambda a, b: torch.cdist(a.half(), a.half()),
}
WAITS = {
    'item': (lambda a: a.sum().item(), 1), 'bool': (lambda a: bool(a.any()), 1),
    'float': (lambda a: float(a[0]), 1), 'mask': (lambda a: a[a > 2], 1),
    'nonzero': (lambda a: (a > 2).nonzero(), 1), 'unique': (lambda a: a.unique(), 1),
    'cpu': (lambda a: a.cpu(), 1), 'tolist': (lambda a: a.tolist(), 1),
    'new_tensor': (lambda a: a.new_tensor([1, 2]), 1),
    'to the device': (lambda a: torch.ones(2).to('cuda'), 1),
    'numbers in a list': (lambda a: torch.tensor([a[0], a[1]]), 2),
    'repeat_interleave': (lambda a: a.repeat_interleave(a.long()), 1),
    'loop': (lambda a: [float(x) for x in a], 6),
    'arithmetic': (lambda a: (a * 2).sum(), 0), 'fill': (lambda a: a.masked_fill(a > 2, 0.0), 0),
    'number into a mask': (lambda a: a.clone().__setitem__(a > 2, 0.0), 0),
    'made there': (lambda a: torch.arange(3, device='cuda'), 0),
    'sorted': (lambda a: a.sort(), 0), 'gathered': (lambda a: a[a.argsort()], 0),
}


def test_mistakes_are_refused(pretended_gpu):
    for name, mistake in MISTAKES.items():
        with pytest.raises((DeviceFault, RuntimeError)):
            mistake(torch.ones(2, 3, device='cuda'), torch.ones(2, 3))
            raise AssertionError(f'{name} passed')


def test_waits_are_counted(pretended_gpu):
    counted = {}
    for name, (wait, _) in WAITS.items():
        a = torch.arange(6.0, device='cuda')
        with pretended_gpu.counting() as waits:
            wait(a)
        counted[name] = waits.total()
    assert counted == {name: count for name, (_, count) in WAITS.items()}


def test_a_wait_names_the_line_of_the_project(pretended_gpu):
    from sparse3d.ops.rotated_nms import rotated_nms
    boxes = torch.tensor([[0.0, 0, 4, 2, 0.3], [1, 0, 4, 2, 0.3]], device='cuda')
    scores = torch.tensor([0.9, 0.8], device='cuda')
    with pretended_gpu.counting() as waits:
        kept = rotated_nms(boxes, scores, 0.3)
    assert kept.cpu().tolist() == [0]
    assert by_owner(waits)['ours'] == waits.total() > 0
    assert all(wait.line.startswith('sparse3d/ops/rotated_') for wait in waits)


def test_gradients_and_autocast(pretended_gpu):
    a = torch.ones(2, 3, device='cuda', requires_grad=True)
    (a * torch.tensor(2.0) + a[torch.tensor([0, 1], device='cuda')]).sum().backward()
    assert a.is_cuda and a.grad.is_cuda and (a.grad.cpu() == 3).all()
    with torch.autocast('cuda', torch.float16):
        assert (a @ a.T).dtype == torch.float16
        assert (a @ a.T).softmax(1).dtype == torch.float32


def test_a_module_learns_as_on_the_cpu(pretended_gpu):
    layers = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 1))
    batch, losses = torch.randn(8, 3), {}
    for device in ('cpu', 'cuda'):
        torch.manual_seed(1)
        for layer in (layers[0], layers[1], layers[3]):
            layer.reset_parameters()
        model = layers.to(device)
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            loss = model(batch.to(device)).square().mean()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        losses[device] = loss.item()
    assert losses['cuda'] == pytest.approx(losses['cpu'], rel=1e-6)


def test_a_scaler_steps_and_skips(pretended_gpu):
    weight = nn.Parameter(torch.ones(3, device='cuda'))
    optimizer, scaler = torch.optim.SGD([weight], lr=0.5), torch.amp.GradScaler('cuda')
    for factor, expected in ((1.0, 0.5), (float('inf'), 0.5)):
        optimizer.zero_grad()
        scaler.scale((weight * factor).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        assert weight.detach().cpu().tolist() == [expected] * 3


def test_files_say_where_tensors_lay(pretended_gpu, tmp_path):
    torch.save({'a': torch.arange(3, device='cuda'), 'b': torch.arange(2)}, tmp_path / 'a.pth')
    read = torch.load(tmp_path / 'a.pth', map_location='cpu', weights_only=True)
    assert read['a'].tolist() == [0, 1, 2] and read['b'].tolist() == [0, 1]
    assert b'cuda:0' in (tmp_path / 'a.pth').read_bytes()


def test_the_machine_of_other_tests_has_no_gpu():
    assert not torch.cuda.is_available()
    with pytest.raises((AssertionError, RuntimeError)):
        torch.ones(1, device='cuda')


def test_a_constant_is_copied_to_the_device_once(pretended_gpu):
    from sparse3d.ops.constants import constant
    like = torch.zeros(2, device='cuda')
    with pretended_gpu.counting() as waits:
        first = constant([1.5, 11.25], like)
    assert waits.total() == 1
    with pretended_gpu.counting() as waits:
        assert constant([1.5, 11.25], like) is first
    assert waits.total() == 0
