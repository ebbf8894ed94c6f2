"""Plain data comes back; what would run code, corrupt memory or fill it is refused."""

from __future__ import annotations

import pickle
import resource
import subprocess
import sys
import tracemalloc
from collections import OrderedDict

import numpy as np
import pytest

from sparse3d.errors import DataError
from sparse3d.safe_pickle import MOST_MEMORY, PickledArray, loads_plain, reading, with_numpy

ARRAYS = [
    np.eye(3),
    np.arange(6, dtype='>i2').reshape(2, 3),
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.zeros((0, 7), np.float32),
    np.array(2.5),
    np.array(['a', 'längs', '']),
    np.array([b'x', b'yz']),
    np.array([True, False]),
    np.array([1 + 2j]),
    np.array(['2020-01-01'], 'M8[D]'),
    np.array([3], 'm8[25us]'),
    np.array([], dtype='U1'),
    np.zeros((2, 0, 3), np.uint8),
]


@pytest.mark.parametrize('protocol', range(6))
def test_arrays_scalars_and_dtypes_come_back(protocol):
    content = dict(
        arrays=ARRAYS,
        nested=OrderedDict(pair=(1, (np.eye(2), 'x'))),
        kind=np.dtype('>f4'),
        scalars=[
            np.float32(1.5),
            np.int64(-3),
            np.bool_(True),
            np.str_('ab'),
            np.str_(''),
            np.datetime64('2020-05-01', 'D'),
        ],
        plain=[
            {1, 2},
            frozenset([3]),
            b'',
            b'\x00\xff',
            bytearray(b'ab'),
            1 + 2j,
            slice(1, None),
            None,
            10**40,
            -1,
            'ü\n',
            1e300,
        ],
    )
    loaded = loads_plain(pickle.dumps(content, protocol=protocol), 'a.pkl')
    np.testing.assert_equal(loaded, content)
    assert repr(loaded['plain']) == repr(content['plain'])
    for left, right in zip(loaded['arrays'], ARRAYS, strict=True):
        assert type(left) is np.ndarray and left.shape == right.shape
        native = right.dtype.newbyteorder('=')  # which NumPy's own reading prefers
        assert left.dtype.newbyteorder('=') == native
    assert type(loaded['nested']['pair'][1][0]) is np.ndarray
    assert type(loaded['kind']) is type(np.dtype('>f4')) and loaded['kind'] == np.dtype('>f4')


@pytest.mark.parametrize('protocol', range(6))
def test_what_is_one_stays_one(protocol):
    array, inner = np.eye(2), [1]
    loaded = loads_plain(pickle.dumps([array, array, inner, (inner, array)], protocol), 'a.pkl')
    assert loaded[0] is loaded[1] is loaded[3][1] and loaded[2] is loaded[3][0]
    endless = [array]
    endless.append(endless)
    loaded = loads_plain(pickle.dumps(endless, protocol), 'a.pkl')
    assert loaded[1] is loaded and type(loaded[0]) is np.ndarray


def text(value):
    return b'\x8c' + bytes([len(value)]) + value.encode()


def named(module, name):
    return text(module) + text(name) + b'\x93'


def dtype(code='f8', state=None):
    made = named('numpy', 'dtype') + text(code) + b'\x89\x88\x87R'
    return made if state is None else made + pickle.dumps(state, 2)[2:-1] + b'b'


EMPTY = (
    named('numpy.core.multiarray', '_reconstruct')
    + named('numpy', 'ndarray')
    + b'K\x00\x85C\x01b\x87R'
)
STATE = (3, '<', None, None, None, -1, -1, 0)


def array(shape, code, content, state=None, kind=b'K\x01'):
    """A pickle whose array is given this state, right or wrong."""
    return (
        b'\x80\x04'
        + EMPTY
        + b'('
        + kind
        + pickle.dumps(shape, 2)[2:-1]
        + dtype(code, state)
        + b'\x89'
        + content
        + b'tb.'
    )


def test_the_hostile_arrays_below_are_built_as_real_ones_are():
    good = loads_plain(array((1,), 'f8', b'C\x08' + np.float64(2).tobytes()), 'a.pkl')
    assert good.tolist() == [2.0]


FIELDS = (3, '|', None, ('a',), {'a': (0,)}, 8, 8, 0)
HOSTILE = {
    'objects from bytes': b'\x80\x04'
    + named('numpy', 'ndarray')
    + b'(K\x01\x85'
    + named('numpy', 'dtype')
    + text('O')
    + b'\x85RC\x08AAAAAAAAtR.',
    'an array from a buffer': b'\x80\x04'
    + named('numpy', 'ndarray')
    + b'(K\x01\x85'
    + dtype()
    + b'C\x08AAAAAAAAtR.',
    'an array without bytes': b'\x80\x04'
    + named('numpy', 'ndarray')
    + b'J\x00\x00\x00\x7f\x85\x85R.',
    'object dtype': array((1,), 'O8', b'C\x08AAAAAAAA'),
    'object dtype with a list': array((1,), 'O', b']K\x01a'),
    'void dtype': array((1,), 'V8', b'C\x08AAAAAAAA'),
    'a dtype of fields': array((1,), 'f8', b'C\x08AAAAAAAA', FIELDS),
    'a dtype of another size': array(
        (1,), 'f8', b'C\x08AAAAAAAA', (3, '<', None, None, None, 1 << 30, 8, 0)
    ),
    'a dtype of a subarray': array(
        (1,), 'f8', b'C\x08AAAAAAAA', (3, '<', ('f8', (9,)), None, None, -1, -1, 0)
    ),
    'a dtype with names': b'\x80\x04' + named('numpy', 'dtype') + text('i4,O') + b'\x85R.',
    'too few bytes': array((2,), 'f8', b'C\x08AAAAAAAA', STATE),
    'a shape that wraps round': array((1 << 62, 8), 'f8', b'C\x00', STATE),
    'a negative shape': array((-1,), 'f8', b'C\x08AAAAAAAA', STATE),
    'a shape that is no tuple': array([1], 'f8', b'C\x08AAAAAAAA', STATE),
    'many empty texts': array((10**12,), 'U0', b'C\x00', (3, '<', None, None, None, 0, 4, 8)),
    'another kind of array': b'\x80\x04'
    + named('numpy.core.multiarray', '_reconstruct')
    + named('builtins', 'set')
    + b'K\x00\x85C\x01b\x87R.',
    'a scalar of an object': b'\x80\x04'
    + named('numpy.core.multiarray', 'scalar')
    + named('numpy', 'dtype')
    + text('O')
    + b'\x85RC\x08AAAAAAAA\x86R.',
    'a buffer of objects': b'\x80\x04'
    + named('numpy.core.numeric', '_frombuffer')
    + b'(C\x08AAAAAAAA'
    + named('numpy', 'dtype')
    + text('O8')
    + b'\x85RK\x01\x85'
    + text('C')
    + b'tR.',
    'times of a unit that is code': array(
        (1,),
        'M8',
        b'C\x08AAAAAAAA',
        (4, '<', None, None, None, -1, -1, 0, ({}, (b'D],O[', 1, 1, 1))),
    ),
    'a size for a bytearray': b'\x80\x04'
    + named('builtins', 'bytearray')
    + pickle.dumps(6 << 30, 2)[2:-1]
    + b'\x85R.',
    'a size for bytes': b'\x80\x04'
    + named('builtins', 'bytes')
    + pickle.dumps(6 << 30, 2)[2:-1]
    + b'\x85R.',
    'a set of a range': b'\x80\x04'
    + named('builtins', 'set')
    + named('builtins', 'range')
    + b'J\x00\x2d\x31\x01\x85R\x85R.',
    'another codec': b'\x80\x04'
    + named('_codecs', 'encode')
    + text('a')
    + text('punycode')
    + b'\x86R.',
    'a dtype class': b'\x80\x04' + named('numpy.dtypes', 'ObjectDType') + b')R.',
    'a default factory': b'\x80\x04'
    + named('collections', 'defaultdict')
    + named('builtins', 'list')
    + b'\x85R.',
    'an object of a class': b'\x80\x04' + named('builtins', 'set') + b')\x81.',
    'the command line': b'\x80\x04' + named('os', 'system') + text('true') + b'\x85R.',
    'an attribute': b'\x80\x04' + named('builtins', 'getattr') + text('a') + text('b') + b'\x86R.',
    'a place far away': b'\x80\x02Nr\xff\xff\xff\x7f.',
    'a place in protocol 0': b'Np2147483647\n.',
    'a long text': b'\x80\x04\x8d' + (1 << 60).to_bytes(8, 'little') + b'.',
    'a large buffer': b'\x80\x05\x96' + (6 << 30).to_bytes(8, 'little') + b'.',
    'a persistent name': b'\x80\x02Pa\n.',
    'an extension': b'\x80\x02\x82\x01.',
    'out-of-band memory': b'\x80\x05\x97.',
    'an old instance': b'(ios\nsystem\n.',
    'one text many times': b'\x80\x04'
    + named('_codecs', 'encode')
    + b'\x940X'
    + (1 << 16).to_bytes(4, 'little')
    + b'a' * (1 << 16)
    + b'\x940'
    + text('latin1')
    + b'\x940('
    + b'h\x00h\x01h\x02\x86R' * 3000
    + b't.',
    'one list many times': b'\x80\x04'
    + named('builtins', 'set')
    + b'\x940]('
    + b'N' * 5000
    + b'e\x940('
    + b'h\x00h\x01\x85R' * 3000
    + b't.',
}


@pytest.mark.parametrize('content', HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_pickles_are_refused_in_one_sentence(content):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match='hostile.pkl is (refused|damaged)') as caught:
        loads_plain(content, 'hostile.pkl')
    assert '\n' not in str(caught.value) and len(str(caught.value)) < 300
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 << 10  # kB


def test_python_itself_takes_the_memory():
    """The reason for looking over the instructions first."""
    code = (
        'import pickle, resource; pickle.loads(b"\\x80\\x02Nr\\x00\\x00\\x00\\x01.");'
        'print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    if done.returncode or int(done.stdout) < 200 << 10:
        pytest.skip('this Python bounds the places itself')
    with pytest.raises(DataError, match='counts more values than it holds'):
        loads_plain(b'\x80\x02Nr\x00\x00\x00\x01.', 'a.pkl')


@pytest.mark.parametrize('count', [10, 300, 70_000])
def test_many_places_are_honest(count):
    """Protocol 2 numbers every text; the numbers grow with the file."""
    content = [f'r{number}\xff' for number in range(count)]
    assert loads_plain(pickle.dumps(content, protocol=2), 'a.pkl') == content


def test_stand_ins_make_nothing_when_called():
    with pytest.raises(TypeError):
        PickledArray((1,), 'O', b'AAAAAAAA')
    assert PickledArray().shape == (0,)


def test_attributes_of_given_types_are_looked_through():
    class Owner:
        pass

    owner = Owner()
    with reading(100) as made:
        owner.array = PickledArray()
        assert made.stand_ins
    assert type(with_numpy([owner], owners=[Owner])[0].array) is np.ndarray


DEEP = b')' + b'\x85' * 400_000


@pytest.mark.parametrize('content', [
    b'\x80\x04}' + DEEP + b'Ns.', b'\x80\x04]}' + DEEP + b'Nsa.',
    b'\x80\x04\x8f(' + DEEP + b'\x90.', b'\x80\x04(' + DEEP + b'\x91.',
    b'\x80\x04ccollections\nOrderedDict\n)R' + DEEP + b'Ns.'])
def test_tuples_within_tuples_as_keys_do_not_end_the_process(content):
    """Python hashes them by recursion in C."""
    program = ('import sys; from sparse3d.safe_pickle import loads_plain\n'
               'loads_plain(sys.stdin.buffer.read(), "deep.pkl")')
    done = subprocess.run([sys.executable, '-c', program], input=content, capture_output=True)
    assert done.returncode == 1
    assert b'deep.pkl is refused: it has a key of tuples within tuples' in done.stderr


def test_many_tuples_beside_each_other_are_read():
    content = {(number, (number, )): [(number, )] for number in range(20_000)}
    assert loads_plain(pickle.dumps(content), 'many.pkl') == content


@pytest.mark.parametrize('protocol', range(6))
def test_large_arrays_of_every_protocol_come_back(protocol):
    """mmengine dumps info files with protocol 2, where bytes are text."""
    array = np.random.default_rng(0).normal(size=5000)
    content = loads_plain(pickle.dumps(dict(array=array), protocol), 'a.pkl')
    assert np.array_equal(content['array'], array)


NUMBERS = b'(' + b''.join(b'M' + number.to_bytes(2, 'little') for number in range(5000))
PAIRS = b'(' + b''.join(b'M' + number.to_bytes(2, 'little') + b'N\x86' for number in range(5000))
PADDING = b'X' + (1 << 17).to_bytes(4, 'little') + b'a' * (1 << 17) + b'\x86.'
WASTEFUL = {
    'lists': b'](' + b']' * 100_000 + b'e.', 'dicts': b'](' + b'}' * 100_000 + b'e.',
    'sets': b'](' + b'\x8f' * 100_000 + b'e.',
    'made sets': named('builtins', 'set') + b'\x940](' + b'h\x00)R' * 25_000 + b'e.',
    'made tables': named('collections', 'OrderedDict') + b'\x940](' + b'h\x00)R' * 25_000 + b'e.',
    'full sets': named('builtins', 'set') + b'\x940]' + NUMBERS + b'e\x940]('
                 + b'h\x00h\x01\x85R' * 80 + b'e' + PADDING,
    'full tables': named('collections', 'OrderedDict') + b'\x940]' + PAIRS + b'e\x940]('
                   + b'h\x00h\x01\x85R' * 80 + b'e' + PADDING,
    'dtypes': named('numpy', 'dtype') + b'\x940' + text('U9') + b'\x940]('
              + b'h\x00h\x01\x85R' * 16_000 + b'e.',
}


@pytest.mark.parametrize('content', WASTEFUL.values(), ids=WASTEFUL)
def test_no_file_takes_more_memory_than_is_stated(content):
    content = b'\x80\x04' + content
    tracemalloc.start()
    try:
        loads_plain(content, 'a.pkl')
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert len(content) < peak < MOST_MEMORY * len(content)
