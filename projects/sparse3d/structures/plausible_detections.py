"""What cannot be a detection, however it was written down: refused in one sentence."""
from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from sparse3d.errors import DataError

MAX_YAW = 7.0  # radians; 2 pi and a little
# A heading that a network has added up may leave the circle; degrees leave it nearly all.
MOST_BEYOND = 0.1
LARGEST_SIZE = 500.0        # of a box [m]; larger ones are in millimeters
FARTHEST_PLACE = 100_000.0  # from the sensor [m]; farther ones are of a map


def real_numbers(values: Any, what: str) -> np.ndarray:
    """Numbers as an array, from lists and tensors too.

    Raises:
        DataError: naming ``what``, unless they are real numbers in an array.
    """
    values = values.detach().cpu().numpy() if hasattr(values, 'detach') else values
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise DataError(f'{what} are no array of numbers: the rows differ in length') from error
    if array.dtype.kind not in 'fiub' and array.size:
        raise DataError(f'{what} are {array.dtype}, no real numbers')
    return array


def refuse_odd_names(names: Any) -> None:
    """Raise unless names of classes are a list of different texts.

    Raises:
        DataError: naming the one that is not.
    """
    if isinstance(names, str):
        raise DataError(f'class_names is the text {names!r}; give a list of names, [{names!r}]')
    if not hasattr(names, '__len__'):
        raise DataError(f'class_names is {names!r}; give a list of names')
    odd = [name for name in names if not isinstance(name, str) or not name.strip()]
    if odd:
        raise DataError(f'class_names holds {odd[0]!r:.60}, which is no name')
    if len(set(names)) < len(names):
        twice = next(name for name in names if list(names).count(name) > 1)
        raise DataError(f'class_names holds {twice!r} twice; name each class once')


def refuse_implausible(found: Any, where: str) -> None:
    """Raise for numbers that no detector writes; velocities may be unknown.

    Args:
        found: Detections as they were read.
        where: the file or the value, for the sentence.

    Raises:
        DataError: naming the detection and its number.
    """
    if not len(found):
        return
    boxes = np.asarray(found.boxes_3d, np.float64)
    for name, values in (('box', boxes[:, :7]), ('score', np.asarray(found.scores, np.float64))):
        broken = np.flatnonzero(~np.isfinite(values).reshape(len(found), -1).all(axis=1))
        if len(broken):
            raise DataError(f'{where}: detection {broken[0]} has a {name} that is not finite, '
                            f'{values[broken[0]].tolist()}')
    sizes = boxes[:, 3:6]
    odd = np.flatnonzero((sizes < 0).any(axis=1) | (sizes > LARGEST_SIZE).any(axis=1))
    if len(odd):
        raise DataError(f'{where}: detection {odd[0]} has the size {sizes[odd[0]].tolist()}; dx, '
                        f'dy and dz are lengths in meters')
    far = np.flatnonzero(np.abs(boxes[:, :3]).max(axis=1) > FARTHEST_PLACE)
    if len(far):
        raise DataError(f'{where}: detection {far[0]} lies at {boxes[far[0], :3].tolist()}: map '
                        f'coordinates; give places from the sensor')
    beyond = np.abs(boxes[:, 6:7]) > MAX_YAW
    if beyond.sum() > MOST_BEYOND * len(found):
        raise DataError(f'{where}: {beyond.sum()} of {len(found)} detections have a yaw beyond a '
                        f'full turn, up to {np.abs(boxes[:, 6]).max():g}, which is in degrees; '
                        f'give radians (degrees x pi / 180)')


@contextmanager
def one_sentence(what: str) -> Iterator[None]:
    """What Python says of a value that is something else becomes one sentence.

    Raises:
        DataError: for what the block raises because of the value.
    """
    try:
        yield
    except DataError:
        raise
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise DataError(f'{what} ({type(error).__name__}: {str(error)[:200]})') from error


def refuse_unknown_options(function: Callable, given: int, options: Mapping[str, Any],
                           what: str) -> None:
    """Raise for an option that a format does not have.

    Args:
        function: of the format.
        given: how many of its parameters are given by place.
        options: the others, by name.
        what: the format, for the sentence.

    Raises:
        DataError: naming the option and those that there are.
    """
    parameters = list(inspect.signature(function).parameters.values())[given:]
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters):
        return
    known = [each.name for each in parameters]
    for name in options:
        if name not in known:
            raise DataError(f'{what} has no option {name!r}; it has '
                            f'{", ".join(known) or "none"}')
