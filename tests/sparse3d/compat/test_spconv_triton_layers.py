"""spconv's layers beside spconv-triton's: names, shapes and layout of weights; the numbers.

The kernels run in Triton's interpreter, on CPU tensors that pass for a GPU's.
"""
from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import spconv.pytorch as spconv
import torch
from mmdet3d.registry import MODELS

from sparse3d.compat import spconv_triton_layers as layers

INTERPRETED = os.environ.get('TRITON_INTERPRET') == '1'
MISSING = [name for name in ('triton', 'spconv_triton') if not find_spec(name)]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f'not installed: {", ".join(MISSING)}')
SHAPE = [6, 7, 8]
CONVOLUTIONS = {
    'SubMConv3d': dict(kernel_size=3, bias=True, indice_key='a'),
    'SparseConv3d': dict(kernel_size=3, stride=2, padding=1, bias=False, indice_key='b'),
    'SparseConvTranspose3d': dict(kernel_size=2, stride=2),
    'SparseConv2d': dict(kernel_size=(3, 1), padding=(1, 0)),
    'SubMConv2d': dict(kernel_size=1)}


def made(library, name: str):
    return getattr(library, name)(16, 32, **CONVOLUTIONS[name])


@pytest.mark.parametrize('name', CONVOLUTIONS)
def test_weights_have_the_same_names_shapes_and_layout(name):
    import spconv_triton.pytorch as spconv_triton
    ours, theirs = made(spconv, name), made(spconv_triton, name)
    state = ours.state_dict()
    assert {key: value.shape for key, value in state.items()} == {
        key: value.shape for key, value in theirs.state_dict().items()}
    theirs.load_state_dict(state)
    assert all(torch.equal(theirs.state_dict()[key], value) for key, value in state.items())


@pytest.mark.parametrize('name', CONVOLUTIONS)
def test_a_twin_has_the_geometry_and_no_weights(name):
    layer = made(spconv, name)
    twin = layers.twin(layer)
    for attribute in layers._GEOMETRY + layers._OF_CONVOLUTIONS + ('conv1x1', 'weight_shape'):
        assert getattr(twin, attribute) == getattr(layer, attribute), attribute
    assert not any(isinstance(value, torch.Tensor) for value in vars(twin).values())
    assert layers.twin(layer) is twin and layers.twin(made(spconv, name)) is not twin


def test_every_layer_of_an_encoder_has_a_twin():
    encoder = MODELS.build(dict(
        type='mmdet3d.SparseEncoder', in_channels=4, sparse_shape=[41, 64, 64],
        block_type='basicblock', order=('conv', 'norm', 'act'),
        encoder_channels=((16, 16, 32), (32, 32, 64), (64, 64, 128), (128, 128)),
        encoder_paddings=((0, 0, 1), (0, 0, 1), (0, 0, [0, 1, 1]), (0, 0))))
    before = list(encoder.state_dict())
    found = [layers.twin(layer) for layer in encoder.modules()
             if isinstance(layer, spconv.conv.SparseConvolutionBase)]
    assert len(found) > 15 and list(encoder.state_dict()) == before


@pytest.mark.slow
@pytest.mark.skipif(INTERPRETED, reason='the interpreter is in the place of the compiler')
@pytest.mark.parametrize('target', [('cuda', 80, 32), ('cuda', 90, 32), ('cuda', 100, 32),
                                    ('cuda', 120, 32), ('hip', 'gfx942', 64)], ids=str)
def test_the_forward_kernel_compiles_for_every_gpu(target):
    """Ahead of time, with the geometry of a 3 x 3 x 3 layer of 64 channels in half precision."""
    import triton
    from spconv_triton.pytorch._impl.gemm import _gather_gemm_kernel
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource
    kernel = _gather_gemm_kernel.fn
    types = dict.fromkeys(kernel.arg_names, 'i32')
    types |= dict(feats_ptr='*fp16', weight_ptr='*fp16', out_ptr='*fp16', bias_ptr='*fp16',
                  pairs_ptr='*i32', pmask_ptr='*i32', argsort_ptr='*i32')
    constants = dict(N_dim=64, R_dim=64, kv=27, HAS_BIAS=True, IEEE=False, ALLOW_TF32=False,
                     FP16_ACC=False, USE_MASK=True, GROUP_SIZE_M=8, BLOCK_M=64, BLOCK_N=64,
                     BLOCK_R=32)
    signature = {name: 'constexpr' if name in constants else types[name]
                 for name in kernel.arg_names}
    places = {(kernel.arg_names.index(name),): value for name, value in constants.items()}
    binary = triton.compile(ASTSource(kernel, signature, places), target=GPUTarget(*target))
    assert len(binary.asm['hsaco' if target[0] == 'hip' else 'cubin']) > 1000


@pytest.mark.slow
@pytest.mark.skipif(INTERPRETED, reason='is what runs the others')
def test_the_kernels_agree_in_the_interpreter():
    done = subprocess.run(
        [sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', str(Path(__file__))],
        env={**os.environ, 'TRITON_INTERPRET': '1'}, capture_output=True, text=True, timeout=600,
        cwd=Path(__file__).parents[3])
    assert done.returncode == 0 and ' passed' in done.stdout, done.stdout[-3000:]
    assert 'TRITON_INTERPRET' not in done.stdout


@pytest.fixture
def passed_for_a_gpu(monkeypatch):
    """CPU tensors say that they are CUDA's; kernels are not tuned, which takes a device."""
    if not INTERPRETED:
        pytest.skip('TRITON_INTERPRET=1 is not set')
    from spconv_triton.pytorch._impl import gemm, pair_kernels, pool
    from triton.runtime.autotuner import Autotuner
    for kernel in (value for module in (gemm, pair_kernels, pool)
                   for value in vars(module).values() if isinstance(value, Autotuner)):
        monkeypatch.setattr(kernel, 'configs', kernel.configs[:1])
    monkeypatch.setattr(gemm, '_multiprocessor_count', lambda device: 1)
    monkeypatch.setattr(torch.Tensor, 'is_cuda', property(lambda self: True), raising=False)


def voxels(dimensions: int = 3) -> spconv.SparseConvTensor:
    taken = (torch.rand(2, *SHAPE[:dimensions]) < 0.3).nonzero().int()
    return spconv.SparseConvTensor(torch.randn(len(taken), 16), taken[torch.randperm(len(taken))],
                                   SHAPE[:dimensions], 2)


def dense(tensor: spconv.SparseConvTensor) -> torch.Tensor:
    assert type(tensor) is spconv.SparseConvTensor
    return tensor.dense()


@pytest.mark.parametrize('training', [False, True])
@pytest.mark.parametrize('name', CONVOLUTIONS)
def test_convolutions_agree(passed_for_a_gpu, name, training):
    layer = made(spconv, name).train(training)
    tensor = voxels(layer.ndim)
    tensor.features.requires_grad_(training)
    results = [dense(layer(tensor)),
               dense(layers.convolve(layer, training, tensor, layer.weight, layer.bias))]
    torch.testing.assert_close(*results, atol=1e-5, rtol=1e-5)
    if training:
        given = [tensor.features, layer.weight]
        gradients = [torch.autograd.grad(result.square().sum(), given) for result in results]
        for ours, theirs in zip(*gradients, strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e-3, rtol=1e-4)


def test_an_inverse_convolution_finds_the_table_of_its_partner(passed_for_a_gpu):
    down = spconv.SparseConv3d(16, 8, 3, stride=2, indice_key='down')
    up = spconv.SparseInverseConv3d(8, 4, 3, indice_key='down')
    tensor = voxels()
    expected = dense(up(down(tensor)))
    half = layers.convolve(down, False, tensor, down.weight, down.bias)
    found = dense(layers.convolve(up, False, half, up.weight, up.bias))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize('pool', [spconv.SparseMaxPool3d(2, 2), spconv.SparseAvgPool3d(2, 2)],
                         ids=lambda pool: type(pool).__name__)
def test_poolings_agree(passed_for_a_gpu, pool):
    tensor = voxels()
    torch.testing.assert_close(dense(layers.pool_locally(pool, tensor)), dense(pool(tensor)))
