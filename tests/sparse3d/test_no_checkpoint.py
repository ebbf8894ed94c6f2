"""Files that are no checkpoints are told by what they are, by every verb that opens one."""
from __future__ import annotations

import io
import json
import pickle
import zipfile

import numpy as np
import pytest
import torch

from sparse3d.checkpoints.open import open_checkpoint
from sparse3d.checkpoints.reading import read_published
from sparse3d.checkpoints.rewrite import rewrite_checkpoint
from sparse3d.errors import CheckpointError
from sparse3d.no_checkpoint import is_safetensors, no_checkpoint

UPSTREAM = ('PytorchStream', 'torch.load', 'weights_only', 'magic number', 'Traceback', 'Unpickl')


def saved(write) -> bytes:
    stream = io.BytesIO()
    write(stream)
    return stream.getvalue()


def zipped(**parts) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, 'w', zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return stream.getvalue()


def safetensors() -> bytes:
    head = json.dumps(dict(a=dict(dtype='F32', shape=[2], data_offsets=[0, 8]))).encode()
    return len(head).to_bytes(8, 'little') + head + bytes(8)


WHOLE = saved(lambda stream: torch.save(dict(state_dict=dict(a=torch.ones(3))), stream))
OLD = saved(lambda stream: torch.save(dict(a=torch.ones(3)), stream,
                                      _use_new_zipfile_serialization=False))
KINDS = {
    'npz': (saved(lambda stream: np.savez(stream, a=np.ones(3))), 'an .npz of NumPy arrays'),
    'packed npz': (saved(lambda stream: np.savez_compressed(stream, a=np.ones(900))),
                   'an .npz of NumPy arrays'),
    'npy': (saved(lambda stream: np.save(stream, np.ones(3))), 'a NumPy array'),
    'zip of a checkpoint': (zipped(**{'best.pth': WHOLE, 'readme.txt': b'a' * 999}),
                            'zip archive of best.pth, readme.txt; unpack'),
    'empty zip': (zipped(), 'zip archive of nothing|no file of torch.save'),
    'script': (saved(lambda stream: torch.jit.save(torch.jit.trace(
        torch.nn.Linear(2, 2), torch.ones(1, 2)), stream)), 'a TorchScript model'),
    'hdf5': (b'\x89HDF\r\n\x1a\n' + bytes(64), 'an HDF5 file'),
    'pickle': (pickle.dumps(dict(a=1)), 'a pickle that torch.save has not written'),
    'whole model': (saved(lambda stream: torch.save(torch.nn.Linear(2, 2), stream)),
                    r'refused: it asks for torch.nn.modules.*, a part of a whole model; load it'),
    'text': (b'epoch: 3\nloss: 0.4\n', 'it is a text'),
    'picture': (b'\x89PNG\r\n\x1a\n' + bytes(64), 'a picture'),
    'safetensors': (safetensors(), r'in the format of safetensors; name it \*.safetensors'),
    'cut short': (WHOLE[:-100], 'cut short: the table at the end'),
    'old, cut short': (OLD[:-3], 'damaged, or a pickle'),
    'noise': (b'\x01\xff\x02' * 50, 'no file of torch.save'),
}


@pytest.mark.parametrize('kind', KINDS)
def test_every_way_to_open_one_says_what_it_is(tmp_path, kind):
    content, said = KINDS[kind]
    path = tmp_path / 'a.pth'
    path.write_bytes(content)
    for read in (open_checkpoint, read_published,
                 lambda path: rewrite_checkpoint(path, tmp_path / 'b.pth')):
        with pytest.raises(CheckpointError, match=said) as refused:
            read(path)
        text = str(refused.value)
        assert text.startswith(str(path)) and '\n' not in text
        assert not any(words in text for words in UPSTREAM), text
    assert not (tmp_path / 'b.pth').exists()


def test_a_file_of_torch_under_the_other_name(tmp_path):
    for content in (WHOLE, OLD):
        (tmp_path / 'a.safetensors').write_bytes(content)
        with pytest.raises(CheckpointError, match=r'a file of torch.save; name it \*.pth'):
            open_checkpoint(tmp_path / 'a.safetensors')


def test_an_open_file_stays_where_it_is():
    file = io.BytesIO(b'12' + KINDS['npy'][0])
    file.seek(2)
    assert 'NumPy array' in no_checkpoint(file) and file.tell() == 2


def test_an_archive_whose_table_contradicts_itself(monkeypatch):
    """Python 3.11 raises where it only wants to know (zip64, several disks)."""
    def contradicts(file):
        raise zipfile.BadZipFile('zipfiles that span multiple disks are not supported')

    monkeypatch.setattr(zipfile, 'is_zipfile', contradicts)
    assert 'a part of its archive is damaged' in no_checkpoint(io.BytesIO(WHOLE))


def test_safetensors_are_told_by_their_beginning():
    assert is_safetensors(safetensors()) and not is_safetensors(safetensors()[:9])
    assert is_safetensors((70_000).to_bytes(8, 'little') + b'{"a": {"dtype"' + b' ' * 500)
    assert not is_safetensors((1 << 60).to_bytes(8, 'little') + b'{"a"' + b' ' * 500)
    assert not is_safetensors((4).to_bytes(8, 'little') + b'{abc' + b' ' * 500)
