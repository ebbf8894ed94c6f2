"""Files of safetensors, written by hand here."""
from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from sparse3d.checkpoints.open import load_weights, open_checkpoint
from sparse3d.checkpoints.safetensors_files import DTYPES, read_safetensors
from sparse3d.errors import CheckpointError


def written(tensors, change=lambda header: header) -> bytes:
    """The bytes of a file; ``change`` may damage its header."""
    names = {dtype: name for name, dtype in DTYPES.items()}
    header, data = {'__metadata__': {'format': 'pt'}}, b''
    for name, value in tensors.items():
        raw = value.contiguous().flatten().view(torch.uint8).numpy().tobytes()
        header[name] = dict(dtype=names[value.dtype], shape=list(value.shape),
                            data_offsets=[len(data), len(data) + len(raw)])
        data += raw
    text = json.dumps(change(header)).encode()
    return len(text).to_bytes(8, 'little') + text + data


TENSORS = {'b': torch.arange(5), 'a': torch.randn(2, 3), 'h': torch.randn(4).half(),
           'f': torch.tensor([True, False]), 'n': torch.zeros(0, 3), 'w': torch.randn(3).bfloat16()}


def test_tensors_come_back(tmp_path):
    (tmp_path / 'a.safetensors').write_bytes(written(TENSORS))
    found = read_safetensors(tmp_path / 'a.safetensors')
    assert found.keys() == TENSORS.keys()
    for name, value in TENSORS.items():
        assert found[name].dtype == value.dtype and torch.equal(found[name], value)


@pytest.mark.parametrize('precision', [torch.float32, torch.float16])
def test_weights_of_a_model(tmp_path, precision):
    source, receiver = nn.Linear(2, 3), nn.Linear(2, 3)
    path = tmp_path / 'a.SAFETENSORS'
    path.write_bytes(written({name: value.to(precision)
                              for name, value in source.state_dict().items()}))
    load_weights(receiver, path)
    torch.testing.assert_close(receiver.weight, source.weight, rtol=1e-3, atol=1e-3)
    assert receiver.weight.dtype == torch.float32


def test_every_truncation_is_refused(tmp_path):
    path, whole = tmp_path / 'a.safetensors', written(TENSORS)
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match='a.safetensors'):
            open_checkpoint(path)
    path.write_bytes(whole + b'\0')
    with pytest.raises(CheckpointError, match='do not fill'):
        open_checkpoint(path)


@pytest.mark.parametrize('change', [
    dict(dtype='F64'), dict(dtype='F128'), dict(shape=[3, 3]), dict(shape=[-2, -3]),
    dict(shape='23'), dict(shape=[2, 3.0]), dict(data_offsets=[0, 24]), dict(shape=None),
    dict(data_offsets=[40, 1 << 70]), dict(data_offsets=[64, 40]), dict(data_offsets=[40])])
def test_headers_that_contradict_are_refused(tmp_path, change):
    path = tmp_path / 'a.safetensors'
    path.write_bytes(written(TENSORS, lambda header: {**header, 'a': {**header['a'], **change}}))
    with pytest.raises(CheckpointError, match=r'a\.safetensors is (truncated or )?damaged'):
        open_checkpoint(path)


@pytest.mark.parametrize('header', [[], 3, {'a': 3}, {'a': []}])
def test_headers_of_other_kinds_are_refused(tmp_path, header):
    (tmp_path / 'a.safetensors').write_bytes(written({}, lambda _: header))
    with pytest.raises(CheckpointError, match='damaged'):
        open_checkpoint(tmp_path / 'a.safetensors')
