from __future__ import annotations

import torch

from sparse3d.weight_sparsity.cpu_kernels import compressed
from sparse3d_benchmarks import weight_sparsity
from sparse3d_benchmarks.weight_sparsity import Layer, cpu_rows, dense_of, gpu_rows, sparse_of


def test_both_layouts_multiply_the_same():
    weight, rows = torch.randn(8, 12), torch.randn(5, 12)
    for first, given in ((False, rows), (True, rows.t().contiguous())):
        layer = Layer('a', 8, 12, 5, first)
        dense = dense_of(layer, weight, given)()
        assert torch.allclose(sparse_of(layer, compressed(weight, 'csr'), given)(), dense,
                              atol=1e-5)


def test_a_row_for_each_kernel_and_share_and_where_it_pays(monkeypatch):
    monkeypatch.setattr(weight_sparsity, 'SHARES', (0.5, 0.9))
    with torch.no_grad():
        rows = cpu_rows(Layer('layer', 16, 32, 10), 1)
    names = [row['name'] for row in rows]
    assert names == ['layer, CSR, 50 % zeros', 'layer, CSR, 90 % zeros', 'layer, CSR, pays from',
                     'layer, BSR of 4 x 4, 50 % zeros', 'layer, BSR of 4 x 4, 90 % zeros',
                     'layer, BSR of 4 x 4, pays from']
    assert all(row['ratio'] > 0 for row in rows if row['unit'] == 'ms')
    assert all(row['value'] in (50, 90, 100) for row in rows if row['unit'] != 'ms')


def test_without_a_gpu_the_reason_is_a_row():
    if not torch.cuda.is_available():
        assert 'not measured: 2:4 kernels are for NVIDIA GPUs' in gpu_rows(1)[0]['note']
