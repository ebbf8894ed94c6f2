"""Kernels are built, kept whole, found again, and done without where they cannot be built."""
from __future__ import annotations

import logging
import platform
import shutil
import stat

import pytest
import torch

from sparse3d.atomic_files import UnwritableFile
from sparse3d.errors import BackendUnavailable
from sparse3d.ops import compile_kernels, compiled_kernels, kernel_places
from sparse3d.ops.sparse_convolution import sparse_convolution
from sparse3d.ops.sparse_pairs import submanifold_pairs

NEEDS_COMPILER = pytest.mark.skipif(
    not any(map(shutil.which, compile_kernels.COMPILERS)), reason='there is no C++ compiler')

NARROW = ('-mno-avx',) if platform.machine() in ('x86_64', 'AMD64') else ()


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder of its own to build into; what the process had loaded is looked for again."""
    folder = tmp_path / 'kernels'
    monkeypatch.setenv(kernel_places.SETTING, str(folder))
    compiled_kernels.look_again()
    yield folder
    compiled_kernels.look_again()


@pytest.fixture(scope='module')
def built(tmp_path_factory):
    """One build for all tests of this file."""
    folder = tmp_path_factory.mktemp('built') / 'kernels'
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(kernel_places.SETTING, str(folder))
        compile_kernels.compile_kernels()
    return folder


def convolved(backend='auto'):
    coordinates = torch.tensor([[0, 1, 1, 1], [0, 1, 1, 2]])
    pairs = submanifold_pairs(coordinates, (4, 4, 4), (3, 3, 3))
    return sparse_convolution(torch.ones(2, 3), torch.ones(5, 3, 3, 3, 3), pairs, backend=backend)


@NEEDS_COMPILER
def test_a_build_is_found_and_computes(place, built):
    shutil.copytree(built, place)
    assert compiled_kernels.lack() is None
    assert convolved('compiled').unique().tolist() == [6.0]
    names = sorted(path.suffix for path in place.iterdir())
    assert names == ['.json', '.so']


@NEEDS_COMPILER
def test_without_wide_vectors_the_same_text_is_right(place, monkeypatch):
    """What a processor without AVX gets: vectors of 128 bits, as NEON has; nothing of AVX."""
    monkeypatch.setattr(kernel_places, 'level', lambda: 'DEFAULT')
    monkeypatch.setattr(kernel_places, 'key', lambda: 'narrow')
    monkeypatch.setattr(kernel_places, 'FLAGS', (*kernel_places.FLAGS, *NARROW))
    compile_kernels.compile_kernels()
    assert not compiled_kernels.call_for_result('sparse3d_has_bfloat16')
    coordinates = (torch.rand(1, 6, 7, 8) < 0.4).nonzero().int()
    pairs = submanifold_pairs(coordinates, (6, 7, 8), (3, 3, 3))
    features, weight = torch.randn(len(coordinates), 11), torch.randn(21, 3, 3, 3, 11)
    found, expected = [], []
    for backend, results in (('compiled', found), ('reference', expected)):
        given = features.clone().requires_grad_(), weight.clone().requires_grad_()
        result = sparse_convolution(*given, pairs, backend=backend)
        result.square().sum().backward()
        results += [result.detach(), *(value.grad for value in given)]
    for ours, right in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, right, rtol=1e-4, atol=1e-3)


def test_without_a_compiler_one_sentence_and_plain_pytorch(place, monkeypatch, capsys, caplog):
    monkeypatch.setenv('CXX', 'no-such-compiler')
    assert compile_kernels.main() == 0  # make install goes on
    said = capsys.readouterr().out
    assert 'no C++ compiler was found (looked for no-such-compiler)' in said
    assert not place.exists()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert convolved().unique().tolist() == [6.0]
    assert caplog.text.count('runs in plain PyTorch') == 1
    with pytest.raises(BackendUnavailable, match="'compiled' finds no compiled kernels"):
        convolved('compiled')


def test_what_a_compiler_says_stands_in_the_error(place, tmp_path, monkeypatch):
    compiler = tmp_path / 'broken++'
    compiler.write_text('#!/bin/sh\necho "fatal error: no such header" >&2\nexit 1\n')
    compiler.chmod(0o755)
    monkeypatch.setenv('CXX', str(compiler))
    with pytest.raises(BackendUnavailable, match='fatal error: no such header'):
        compile_kernels.compile_kernels()
    assert not place.exists()


def test_the_compiler_may_be_named_with_arguments(tmp_path, monkeypatch):
    wrapped, plain = tmp_path / 'my tools', tmp_path / 'wrap'
    for path in (wrapped, plain):
        path.write_text('#!/bin/sh\n')
        path.chmod(0o755)
    monkeypatch.setenv('CXX', f'{plain} g++ -m64')
    assert compile_kernels.find_compiler() == [str(plain), 'g++', '-m64']
    monkeypatch.setenv('CXX', str(wrapped))
    assert compile_kernels.find_compiler() == [str(wrapped)]


def test_a_folder_of_the_user_keeps_its_permissions(place):
    place.mkdir()
    listed = dict(file='it.so')
    for mode in (0o700, 0o1777):
        place.chmod(mode)
        if mode == 0o700:
            assert compile_kernels._write(place, b'x', listed).read_bytes() == b'x'
        else:
            with pytest.raises(UnwritableFile, match='others may write to'):
                compile_kernels._write(place, b'x', listed)
        assert stat.S_IMODE(place.stat().st_mode) == mode


def test_without_any_folder_one_is_asked_for(monkeypatch):
    monkeypatch.setattr(kernel_places, 'folders', list)
    with pytest.raises(UnwritableFile, match='name one in SPARSE3D_KERNELS'):
        compile_kernels._keep(b'x', ['true'])


@NEEDS_COMPILER
@pytest.mark.parametrize('damage', ['truncated', 'other bytes', 'no library', 'list'])
def test_a_damaged_build_is_not_loaded_and_says_so(place, built, damage):
    shutil.copytree(built, place)
    [library], [listed] = place.glob('*.so'), place.glob('*.json')
    content = library.read_bytes()
    if damage == 'truncated':
        library.write_bytes(content[:len(content) // 2])
    elif damage == 'other bytes':
        library.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif damage == 'no library':
        library.unlink()
    else:
        listed.write_text('{"file": ')
    assert convolved().unique().tolist() == [6.0]
    assert 'doctor --compile' in compiled_kernels.lack()


@NEEDS_COMPILER
@pytest.mark.parametrize('which', ['folder', 'library', 'list'])
def test_files_that_others_may_write_are_not_trusted(place, built, which):
    shutil.copytree(built, place)
    [library], [listed] = place.glob('*.so'), place.glob('*.json')
    {'folder': place, 'library': library, 'list': listed}[which].chmod(0o777)
    assert 'others may write to' in compiled_kernels.lack()
    assert convolved().unique().tolist() == [6.0]


@NEEDS_COMPILER
def test_a_list_cannot_name_a_file_elsewhere(place, built, tmp_path):
    shutil.copytree(built, place)
    [library], [listed] = place.glob('*.so'), place.glob('*.json')
    library.rename(tmp_path / library.name)
    listed.write_text(listed.read_text().replace(library.name, f'../{library.name}'))
    assert compiled_kernels.library() is None


def test_switched_off_by_name(monkeypatch):
    monkeypatch.setenv(kernel_places.SETTING, 'off')
    compiled_kernels.look_again()
    assert compiled_kernels.library() is None and convolved().unique().tolist() == [6.0]
    with pytest.raises(BackendUnavailable, match='off keeps kernels from being built'):
        compile_kernels.compile_kernels()
    compiled_kernels.look_again()
