"""A real mmengine run saved, read back and resumed; a hostile file refused."""
from __future__ import annotations

import http.server
import io
import os
import resource
import subprocess
import sys
import threading
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseModel, BaseModule
from mmengine.registry import DefaultScope
from mmengine.runner import Runner, checkpoint
from mmengine.runner.checkpoint import CheckpointLoader, load_checkpoint
from torch import nn
from torch.utils.data import Dataset

import sparse3d.register  # noqa: F401  (repairs)
from sparse3d.compat.checkpoint_loading import load_checkpoint_file
from sparse3d.errors import CheckpointError, Sparse3DWarning

WITHOUT_REPAIR = '''
import sys, torch, mmengine.logging
try:
    torch.load(sys.argv[1])
except Exception as error:
    print(type(error).__name__)
'''


class Line(BaseModel):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 1)

    def forward(self, *values, mode='tensor'):
        return {'loss': (self.layer(torch.stack(values)) - 1).square().mean()}


class Numbers(Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, index):
        return torch.tensor([index, 1.0])


def run(folder: Path, epochs: int, name: str, resume: bool = False) -> nn.Module:
    """Train for some epochs of a schedule that depends on every restored state."""
    torch.manual_seed(0)
    runner = Runner(
        Line(), str(folder), resume=resume, experiment_name=name, log_level='ERROR',
        train_dataloader={'batch_size': 2, 'dataset': Numbers(), 'num_workers': 0,
                          'sampler': {'type': 'DefaultSampler', 'shuffle': False}},
        train_cfg={'by_epoch': True, 'max_epochs': epochs},
        optim_wrapper={'optimizer': {'type': 'AdamW', 'lr': 0.1}},
        param_scheduler=[{'type': 'LinearLR', 'start_factor': 0.1, 'begin': 0, 'end': 12,
                          'by_epoch': False}],
        default_hooks={'checkpoint': {'type': 'CheckpointHook', 'interval': 1},
                       'logger': {'type': 'LoggerHook', 'interval': 1}},
        custom_hooks=[{'type': 'EMAHook'}], default_scope='mmengine', randomness={'seed': 0})
    runner.train()
    return runner.model


@pytest.fixture(autouse=True)
def _scope():
    yield
    DefaultScope._instance_dict.clear()


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp('run')
    run(folder, 1, 'first')
    return folder / 'epoch_1.pth'


def test_resumed_training_ends_where_uninterrupted_training_ends(trained, tmp_path):
    expected = run(tmp_path, 3, 'whole')
    resumed = run(trained.parent, 3, 'resumed', resume=True)
    for left, right in zip(expected.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(left, right)


def test_own_checkpoint_is_read_with_its_history(trained):
    state = CheckpointLoader.load_checkpoint(str(trained), map_location='cpu')
    history = state['message_hub']['log_scalars']['train/loss']
    assert isinstance(history, HistoryBuffer) and history.data[0].shape == (4,)
    load_checkpoint(Line(), str(trained))


def test_upstream_refuses_its_own_checkpoint(trained):
    result = subprocess.run([sys.executable, '-c', WITHOUT_REPAIR, str(trained)],
                            capture_output=True, text=True, check=True)
    assert result.stdout.strip() == 'UnpicklingError'


def test_what_torch_reads_without_us_is_saved_as_it_was(tmp_path, trained):
    content = torch.load(trained)
    content['values'] = [np.eye(2), np.dtype('f4')]
    for name in 'ab':
        torch.save(content, tmp_path / f'{name}.pth')
        content = torch.load(tmp_path / f'{name}.pth')
    read = load_checkpoint_file(tmp_path / 'b.pth')
    assert type(read['values'][0]) is np.ndarray and read['values'][1] == np.dtype('f4')
    history = read['message_hub']['log_scalars']['train/loss']
    assert type(history.data[0]) is np.ndarray and history.data[0].shape == (4,)


def test_numpy_scalars_and_arrays_are_read(tmp_path):
    path = tmp_path / 'meta.pth'
    meta = {'score': np.float64(0.5), 'epoch': np.int64(3), 'palette': np.eye(2, dtype=np.uint8),
            'flag': np.bool_(True)}
    torch.save({'meta': meta, 'state_dict': {}}, path)
    loaded = CheckpointLoader.load_checkpoint(str(path))['meta']
    assert loaded['score'] == 0.5 and loaded['epoch'] == 3 and loaded['flag']
    assert np.array_equal(loaded['palette'], meta['palette'])


class Hostile:
    def __init__(self, touched):
        self.touched = touched

    def __reduce__(self):
        return os.mkdir, (str(self.touched),)


def test_a_hostile_checkpoint_is_refused_by_name_and_does_nothing(tmp_path):
    path = tmp_path / 'hostile.pth'
    torch.save({'state_dict': {}, 'meta': Hostile(tmp_path / 'touched')}, path)
    with pytest.raises(CheckpointError, match=r'hostile.pth is refused: .*posix.mkdir') as caught:
        CheckpointLoader.load_checkpoint(str(path))
    assert len(str(caught.value).splitlines()) == 1
    assert not (tmp_path / 'touched').exists()


class Doorway:
    """Asks for an attribute, the way HistoryBuffer's statistics are stored, of anything else."""

    def __init__(self, owner, name):
        self.door = owner, name

    def __reduce__(self):
        return getattr, self.door


@pytest.mark.parametrize('door', [(np.ndarray, 'tofile'), (HistoryBuffer, '__init__'),
                                  (HistoryBuffer, '__reduce_ex__')])
def test_getattr_opens_no_door(tmp_path, door):
    path = tmp_path / 'door.pth'
    torch.save({'meta': Doorway(*door)}, path)
    with pytest.raises(CheckpointError, match='door.pth is refused: .*GLOBAL getattr'):
        CheckpointLoader.load_checkpoint(str(path))


def replaced(path: Path, pickled: bytes) -> Path:
    """A file of torch.save whose pickle is another one."""
    buffer = io.BytesIO()
    torch.save({'a': 1}, buffer)
    with zipfile.ZipFile(buffer) as old, zipfile.ZipFile(path, 'w') as new:
        for item in old.namelist():
            new.writestr(item, pickled if item.endswith('data.pkl') else old.read(item))
    return path


EIGHT = b'c_codecs\nencode\nX\x08\x00\x00\x00AAAAAAAAX\x06\x00\x00\x00latin1\x86R'
DTYPE = b'cnumpy\ndtype\nX\x02\x00\x00\x00%s\x85R'
EMPTY = b'cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85X\x01\x00\x00\x00b\x87R'
PLAIN_STATE = b'(K\x03X\x01\x00\x00\x00<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb'
FIELD_STATE = b'(K\x03X\x01\x00\x00\x00|NX\x01\x00\x00\x00a\x85}K\x08K\x08K\x00tb'


def array(dtype: bytes, count: bytes = b'K\x01\x85') -> bytes:
    return b'\x80\x02' + EMPTY + b'(K\x01' + count + dtype + b'\x89' + EIGHT + b'tb.'


def test_the_hostile_arrays_below_are_built_as_real_ones_are(tmp_path):
    read = load_checkpoint_file(replaced(tmp_path / 'a.pth', array(DTYPE % b'f8' + PLAIN_STATE)))
    assert type(read) is np.ndarray and read.shape == (1, ) and read.dtype == np.float64


@pytest.mark.parametrize('pickled', [
    b'\x80\x02cnumpy\nndarray\n(K\x01\x85' + DTYPE % b'O8' + EIGHT + b'tR.',
    b'\x80\x02cnumpy\nndarray\n(K\x01\x85' + DTYPE % b'f8' + EIGHT + b'tR.',
    b'\x80\x02cnumpy\nndarray\n(K\x01\x85' + DTYPE % b'f8' + EIGHT + b't\x81.',
    array(DTYPE % b'O8'), array(DTYPE % b'V8'), array(DTYPE % b'f8' + FIELD_STATE),
    array(DTYPE % b'f8', b'J\x00\x00\x00\x7f\x85'),
    b'\x80\x02cbuiltins\nbytearray\nJ\x00\x00\x00\x7f\x85R.',
    b'\x80\x02c__builtin__\nbytearray\nJ\x00\x00\x00\x7f\x85R.',
    b'\x80\x02c__builtin__\nset\nc__builtin__\nxrange\nJ\x00\x2d\x31\x01\x85R\x85R.',
    b'\x80\x02cnumpy.dtypes\nObjectDType\n)R.', b'\x80\x02cnumpy\nload\nX\x01\x00\x00\x00a\x85R.',
    b'\x80\x02c_codecs\nencode\nq\x00X' + (1 << 14).to_bytes(4, 'little') + b'a' * (1 << 14)
    + b'q\x01X\x06\x00\x00\x00latin1q\x02(' + b'h\x00h\x01h\x02\x86R' * 3000 + b't.'])
def test_arrays_and_sizes_are_checked_before_they_are_made(tmp_path, pickled):
    path = replaced(tmp_path / 'hostile.pth', pickled)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(CheckpointError, match='hostile.pth (is refused|cannot be read)') as caught:
        CheckpointLoader.load_checkpoint(str(path))
    assert len(str(caught.value).splitlines()) == 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 << 10  # kB


def test_an_archive_that_unpacks_without_end_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / 'bomb.pth', 'w', zipfile.ZIP_DEFLATED) as file:
        file.writestr('archive/data.pkl', b'\x80\x02K\x01.')
        file.writestr('archive/data/0', bytes(1 << 24))
    with pytest.raises(CheckpointError, match='bomb.pth is refused: its parts unpack to 16,777'):
        CheckpointLoader.load_checkpoint(str(tmp_path / 'bomb.pth'))


@pytest.fixture
def address(tmp_path, monkeypatch):
    """A server of the files in ``tmp_path``, and a cache of our own."""
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    monkeypatch.setattr(http.server.SimpleHTTPRequestHandler, 'log_message', lambda *_: None)
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'hub'))
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f'http://127.0.0.1:{server.server_port}'
    server.shutdown()
    server.server_close()


SCHEMES = ['http://', 'torchvision://', 'modelzoo://', 'openmmlab://', 'open-mmlab://', 'mmcls://']


@pytest.fixture
def listed(address, monkeypatch):
    """mmengine's lists of models, which all name files of the server."""
    for name in ('torchvision', 'external', 'mmcls'):
        monkeypatch.setattr(checkpoint, f'get_{name}_models',
                            lambda: {name: f'{address}/{name}.pth' for name in ('good', 'evil')})
    return lambda scheme, name: f'{address}/{name}.pth' if scheme == 'http://' else scheme + name


@pytest.mark.parametrize('scheme', SCHEMES)
def test_every_scheme_goes_through_the_safe_loader(tmp_path, listed, scheme):
    weights = {'backbone.a': torch.ones(2)}
    torch.save({'state_dict': weights, 'score': np.float64(0.5)}, tmp_path / 'good.pth')
    read = CheckpointLoader.load_checkpoint(listed(scheme, 'good'), map_location='cpu')
    assert list(read['state_dict'].values())[0].tolist() == [1, 1]
    torch.save({'state_dict': weights, 'x': Hostile(tmp_path / 'touched')}, tmp_path / 'evil.pth')
    with pytest.raises(CheckpointError, match='evil.pth is refused: .*mkdir'):
        CheckpointLoader.load_checkpoint(listed(scheme, 'evil'), map_location='cpu')
    assert not (tmp_path / 'touched').exists()


@pytest.mark.parametrize('scheme', SCHEMES[:1] + SCHEMES[1::2])
def test_weights_named_by_a_config_go_the_same_way(tmp_path, listed, scheme):
    torch.save({'x': Hostile(tmp_path / 'touched')}, tmp_path / 'evil.pth')
    part = BaseModule(dict(type='Pretrained', checkpoint=listed(scheme, 'evil')))
    with pytest.raises(CheckpointError, match='evil.pth is refused: .*mkdir'):
        part.init_weights()
    assert not (tmp_path / 'touched').exists()


def test_files_of_a_cluster_go_the_same_way(tmp_path, monkeypatch):
    torch.save({'x': Hostile(tmp_path / 'touched')}, tmp_path / 'evil.pth')
    content = (tmp_path / 'evil.pth').read_bytes()
    backend = type('Backend', (), {'get': staticmethod(lambda name: content)})
    monkeypatch.setattr(checkpoint, 'get_file_backend', lambda *_, **__: backend)
    with pytest.raises(CheckpointError, match='the checkpoint is refused: .*mkdir'):
        CheckpointLoader.load_checkpoint('s3://bucket/evil.pth')
    assert not (tmp_path / 'touched').exists()


def test_what_cannot_be_fetched_or_is_not_listed_is_named(address, listed):
    with pytest.raises(CheckpointError, match='absent.pth cannot be fetched: HTTP Error 404'):
        CheckpointLoader.load_checkpoint(f'{address}/absent.pth')
    with pytest.raises(CheckpointError, match='torchvision://absent is not known'):
        CheckpointLoader.load_checkpoint('torchvision://absent')


@pytest.mark.parametrize('place', [('meta', 'config'), ('meta', 'cfg')])
def test_a_config_text_is_not_run_when_a_training_is_resumed(trained, tmp_path, place):
    content = torch.load(trained)
    content[place[0]][place[1]] = f"import os\nos.mkdir('{tmp_path / 'touched'}')\n"
    torch.save(content, tmp_path / 'epoch_1.pth')
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'epoch_1.pth'))
    run(tmp_path, 2, f'text_{place[1]}', resume=True)
    assert (tmp_path / 'epoch_2.pth').exists() and not (tmp_path / 'touched').exists()


def test_options_that_are_not_applied_are_told(tmp_path):
    path = tmp_path / 'converted.pth'
    torch.save(dict(meta=dict(config_options={'model.bbox_head.published_alignment': True}),
                    state_dict=dict(weight=torch.zeros(1, 1), bias=torch.zeros(1))), path)
    with pytest.warns(Sparse3DWarning, match='published_alignment, which are not applied here'):
        load_checkpoint(nn.Linear(1, 1), str(path))  # what init_cfg does


@pytest.mark.parametrize('content', [b'', b'no checkpoint at all', b'PK\x03\x04 cut off'])
def test_a_damaged_checkpoint_is_named(tmp_path, content):
    path = tmp_path / 'damaged.pth'
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match='damaged.pth') as caught:
        CheckpointLoader.load_checkpoint(str(path))
    assert len(str(caught.value).splitlines()) == 1


def test_tuples_within_tuples_as_keys_do_not_end_the_process(tmp_path):
    """PyTorch's loader hashes them too, by recursion in C."""
    path = tmp_path / 'deep.pth'
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('deep/data.pkl', b'\x80\x02})' + b'\x85' * 400_000 + b'Ns.')
        archive.writestr('deep/version', '3\n')
    program = ('import sys; from sparse3d.compat.checkpoint_loading import load_checkpoint_file\n'
               'load_checkpoint_file(sys.argv[1])')
    done = subprocess.run([sys.executable, '-c', program, str(path)], capture_output=True)
    assert done.returncode == 1, done.stderr
    assert b'deep.pth is refused: it has a key of tuples within tuples' in done.stderr
