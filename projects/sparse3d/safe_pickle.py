"""Plain data out of pickles: containers, numbers, text and NumPy arrays, nothing that runs code.

A pickle is a program: it names callables and calls them. Here it meets only the callables of
``CONSTRUCTORS``, which stand in for the real ones. Each checks what it is given, and the arrays,
texts and bytes that one file makes take no more than three times its bytes, the sets and tables no
more than three items for each of its bytes: ``bytearray(6 << 30)`` is 40 bytes long. Since Python
takes some hundred bytes for a set, a file of nothing but empty sets takes up to ``MOST_MEMORY``
times its size, and none takes more. Arrays and dtypes are checked before NumPy sees them, because
``numpy.ndarray`` and the state of a ``numpy.dtype`` can be made to take bytes of the file for
addresses of objects.

PyTorch's safe loader is given the same stand-ins (:mod:`sparse3d.compat.checkpoint_loading`).
"""
from __future__ import annotations

import io
import math
import pickle
import re
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NoReturn

import numpy as np

from sparse3d.errors import DataError
from sparse3d.first_bytes import HEAD, other_kind
from sparse3d.nested_tuples import FEW, too_deep, with_room
from sparse3d.pickle_opcodes import DamagedPickle, check_opcodes

PLAIN_KINDS = 'biufcSUmM'
PLAIN_CODE = re.compile(r'[<>=|]?(\?|b1|[iu][1248]|f(2|4|8|16)|c(8|16|32)|[SU]\d{1,9}|[mM]8)')
MOST_DIMENSIONS = 32
# Bytes that may be made of one of the file: protocols 0 to 2, which mmengine and mmcv write, hold
# arrays as text, and text, bytes and array count.
ROOM = 3
MOST_MEMORY = 400  # bytes in Python for one of the file, at most; honest files take one to ten


class NotPlain(pickle.UnpicklingError):
    """What a pickle asks for is not plain data."""


class Reading:
    """What one file has made so far.

    Attributes:
        left: bytes that its constructors may still make.
        refusal: why it was refused, or None; loaders may wrap the error itself.
        stand_ins: whether there is anything for :func:`with_numpy` to replace.
    """

    def __init__(self, size: int) -> None:
        self.size, self.left = size, ROOM * size
        self.refusal: str | None = None
        self.stand_ins = False

    def take(self, count: int) -> None:
        """Count bytes (or items) that a constructor is about to make."""
        self.left -= count
        if self.left < 0:
            refuse(f'it makes more than its {self.size:,} bytes can hold')


_reading: ContextVar[Reading | None] = ContextVar('reading', default=None)


@contextmanager
def reading(size: int) -> Iterator[Reading]:
    """Bound what the constructors make while one file of ``size`` bytes is read."""
    token = _reading.set(Reading(size))
    try:
        yield _reading.get()
    finally:
        _reading.reset(token)


def refuse(reason: str) -> NoReturn:
    """Stop reading; the reason goes into the error's sentence."""
    if (current := _reading.get()) is not None:
        current.refusal = reason
    raise NotPlain(reason)


def loads_plain(content: bytes, source: str, **options: Any) -> Any:
    """Unpickle plain data.

    Args:
        content: the pickle; bytes after its end are ignored.
        source: the file's name for the error.
        options: ``encoding``, ``errors`` and ``fix_imports`` of :class:`pickle.Unpickler`.

    Raises:
        DataError: if the pickle is damaged or holds anything but plain data.
    """
    with reading(len(content)) as made:
        try:
            tuples = check_opcodes(content)

            def load() -> Any:
                data = _PlainUnpickler(io.BytesIO(content), **options).load()
                return with_numpy(data) if made.stand_ins or tuples > FEW else data

            return with_room(tuples, load)
        except (NotPlain, DamagedPickle) as error:
            _tell_other_kind(content, source)
            kind = 'refused' if isinstance(error, NotPlain) else 'damaged or not a pickle'
            raise DataError(f'{source} is {kind}: {error}') from error
        except Exception as error:  # a damaged pickle can raise nearly everything
            _tell_other_kind(content, source)
            raise DataError(f'{source} is damaged or not a pickle ({type(error).__name__}: '
                            f'{error}); make it again with sparse3d create-data') from error


def _tell_other_kind(content: bytes, source: str) -> None:
    if other := other_kind(content[:HEAD]):
        raise DataError(f'{source} is not a pickle: {other}')


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        found = CONSTRUCTORS.get((module, name))
        if found is None:
            refuse(f'it asks for {module}.{name}, and only plain containers and NumPy arrays '
                   'are read')
        return found


class PickledDtype:
    """Stands in for ``numpy.dtype``: numbers, truth values, text, bytes, times; no objects."""

    __slots__ = ('dtype', )
    __hash__ = None  # not a key: it does not stay

    def __init__(self, code: str, align: bool = False, copy: bool = False) -> None:
        if not isinstance(code, str) or not PLAIN_CODE.fullmatch(code):
            refuse(f'it holds an array of dtype {str(code)[:30]!r}, and only numbers, text and '
                   'times are read')
        self.dtype = np.dtype(code)
        _note_stand_in()

    def __reduce__(self) -> tuple:  # where nobody replaced it, it is saved as NumPy's own
        return self.dtype.__reduce__()

    def __setstate__(self, state: tuple) -> None:
        version, order, *structure = state[:5]
        if version not in (3, 4) or order not in ('<', '>', '=', '|') or structure != [None] * 3 \
                or state[5] not in (-1, self.dtype.itemsize):
            refuse('it holds an array of a dtype with fields or an unknown layout')
        if self.dtype.kind in 'mM' and len(state) > 8:
            self.dtype = _time_dtype(self.dtype.kind, *state[8])
        if order in '<>':
            self.dtype = self.dtype.newbyteorder(order)


class PickledArray(np.ndarray):
    """Stands in for ``numpy.ndarray``: filled from bytes of the file, of a plain dtype."""

    def __new__(cls) -> PickledArray:
        _note_stand_in()
        return super().__new__(cls, (0, ), np.int8)

    def __reduce_ex__(self, protocol: int) -> tuple:
        return self.view(np.ndarray).__reduce_ex__(protocol)

    def __setstate__(self, state: tuple) -> None:
        shape, dtype, fortran, content = state[-4:]
        if isinstance(content, str):  # as Python 2 wrote it
            content = content.encode('latin1')
        dtype = _checked_layout(shape, dtype, content)
        super().__setstate__((1, shape, dtype, bool(fortran), bytes(content)))


def with_numpy(data: Any, owners: Collection[type] = ()) -> Any:
    """Put NumPy's own arrays and dtypes in the place of the stand-ins, inside containers too.

    Args:
        data: what was read; lists and dicts are changed in place.
        owners: types whose attributes are looked through as well.
    """
    return _replaced(data, _CONTAINERS | {PickledArray, PickledDtype} | set(owners), {})


_CONTAINERS = frozenset({list, tuple, dict, OrderedDict, set, frozenset})


def _replaced(node: Any, looked_at: Collection[type], done: dict[int, Any]) -> Any:
    kind = type(node)
    if kind not in looked_at:
        return node
    if id(node) in done:
        return done[id(node)]
    if kind is PickledArray:
        result = node.view(np.ndarray)
    elif kind is PickledDtype:
        result = node.dtype
    elif kind in (set, frozenset):
        _refuse_deep_keys(node)
        result = node
    elif kind is tuple:
        parts = [_replaced(item, looked_at, done) for item in node]
        changed = any(new is not old for new, old in zip(parts, node, strict=True))
        result = tuple(parts) if changed else node
    else:
        done[id(node)] = result = node  # before its parts: it may hold itself
        items = vars(node) if kind not in _CONTAINERS else node
        pairs = enumerate(items) if kind is list else list(items.items())
        if kind is not list:
            _refuse_deep_keys(items)
        for key, value in pairs:
            if type(value) in looked_at:
                items[key] = _replaced(value, looked_at, done)
    done[id(node)] = result
    return result


def _refuse_deep_keys(keys: Iterable[Any]) -> None:
    if any(type(key) is tuple and too_deep(key) for key in keys):
        refuse('it has a key of tuples within tuples within tuples, which plain data never have')


def _note_stand_in() -> None:
    if (current := _reading.get()) is not None:
        current.stand_ins = True


def _take(count: int) -> None:
    if (current := _reading.get()) is not None:
        current.take(count)


def _time_dtype(kind: str, metadata: dict, unit: tuple) -> np.dtype:
    name, number = unit[:2]
    name = name.decode('ascii') if isinstance(name, bytes) else name
    if metadata or not re.fullmatch('generic|Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as', name):
        refuse('it holds an array of times of an unknown unit')
    return np.dtype(f'{kind}8' if name == 'generic' else f'{kind}8[{int(number)}{name}]')


def _checked_layout(shape: Any, dtype: Any, content: Any) -> np.dtype:
    """The dtype of an array whose bytes are exactly those that its shape needs."""
    dtype = getattr(dtype, 'dtype', dtype) if isinstance(dtype, PickledDtype) else dtype
    if not isinstance(dtype, np.dtype) or dtype.kind not in PLAIN_KINDS or dtype.hasobject:
        refuse('it holds an array of something else than numbers, text and times')
    if not isinstance(content, bytes | bytearray):
        refuse('it holds an array of objects')
    sizes = isinstance(shape, tuple) and len(shape) <= MOST_DIMENSIONS and all(
        type(size) is int and size >= 0 for size in shape)
    count = math.prod(shape) if sizes else -1
    if count * dtype.itemsize != len(content) or (count and not dtype.itemsize):
        refuse(f'it holds an array of shape {str(shape)[:60]} and {len(content):,} bytes, which '
               'do not belong together')
    _take(len(content))
    return dtype


def _reconstruct(kind: type, shape: tuple, code: Any) -> PickledArray:
    if kind is not PickledArray:
        refuse('it holds an array of an unknown kind')
    return PickledArray()


def _frombuffer(content: Any, dtype: Any, shape: tuple, order: str) -> np.ndarray:
    dtype = _checked_layout(shape, dtype, content)
    return np.frombuffer(content, dtype).reshape(shape, order='F' if order == 'F' else 'C')


def _scalar(dtype: Any, content: Any = b'') -> np.generic:
    content = content.encode('latin1') if isinstance(content, str) else content
    if isinstance(dtype, PickledDtype) and not dtype.dtype.itemsize:
        return dtype.dtype.type()  # the empty text
    return np.frombuffer(content, _checked_layout((), dtype, content))[0]


def _encode(text: str, encoding: str = '') -> bytes:
    """Bytes as protocol 2 writes them; no other codec is admitted."""
    if encoding not in ('latin1', 'latin-1') or not isinstance(text, str):
        refuse(f'it asks for the codec {str(encoding)[:30]}')
    _take(len(text))
    return text.encode('latin1')


def _bytes() -> bytes:
    return b''


def _bytearray(content: Any = b'', encoding: str | None = None) -> bytearray:
    if encoding is not None:
        content = _encode(content, encoding)
    if not isinstance(content, bytes | bytearray):
        refuse('it asks for a bytearray that is not made of bytes of the file')
    _take(len(content))
    return bytearray(content)


def _counted(items: Any) -> list | tuple:
    if not isinstance(items, list | tuple):
        refuse('it fills a container from something else than a list')
    _take(len(items))
    return items


def _set(items: Any = ()) -> set:
    return set(_counted(items))


def _frozenset(items: Any = ()) -> frozenset:
    return frozenset(_counted(items))


def _ordered(items: Any = ()) -> OrderedDict:
    return OrderedDict(_counted(items))


def _complex(real: float = 0.0, imaginary: float = 0.0) -> complex:
    if not all(isinstance(part, int | float) for part in (real, imaginary)):
        refuse('it asks for a complex number that is not made of numbers')
    return complex(real, imaginary)


def _slice(start: Any, stop: Any, step: Any = None) -> slice:
    return slice(start, stop, step)


_BUILTINS = dict(bytes=_bytes, bytearray=_bytearray, complex=_complex, frozenset=_frozenset,
                 set=_set, slice=_slice)
# numpy.core is called numpy._core from NumPy 2 on.
NUMPY_CONSTRUCTORS = {
    ('numpy', 'ndarray'): PickledArray, ('numpy', 'dtype'): PickledDtype,
    **{(f'numpy.{core}.{module}', function.__name__): function for core in ('core', '_core')
       for module, function in (('multiarray', _reconstruct), ('numeric', _frombuffer))},
    **{(f'numpy.{core}.multiarray', 'scalar'): _scalar for core in ('core', '_core')}}
CONSTRUCTORS = {
    **{(module, name): function for module in ('builtins', '__builtin__')
       for name, function in _BUILTINS.items()},
    ('collections', 'OrderedDict'): _ordered, ('_codecs', 'encode'): _encode,
    **NUMPY_CONSTRUCTORS}
