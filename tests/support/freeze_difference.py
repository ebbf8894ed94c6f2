"""What differs between a record and what was measured now, config by config, in sentences."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from renames import Renames

SHOWN = 5  # names in a sentence about many


def differences(before: dict, now: dict, renames: Renames, tolerance: float) -> dict[str, list]:
    """Config of before -> sentences, none where all is equal.

    Args:
        before: the record.
        now: measured with the record as its reference; has the configs to compare.
        renames: from before to now.
        tolerance: of numbers, as a part of the largest value recorded of the same kind.
    """
    names = renames.match('config', {name: entry['original']
                                     for name, entry in before['configs'].items()}, now['configs'])
    new = sorted(set(now['configs']) - set(names.values()))
    found = {}
    for name, entry in before['configs'].items():
        if name in names:
            found[name] = list(_of_config(before, entry, now, now['configs'][names[name]],
                                          renames, tolerance))
        else:
            found[name] = ['config: gone' + (f'; new is {_some(new)}' if new else '')]
    return found


def _of_config(before: dict, entry: dict, now: dict, entry_now: dict, renames: Renames,
               tolerance: float) -> Iterator[str]:
    errors = [store.get('error') for store in (entry, entry_now)]
    if any(errors):
        yield f'loading: {errors[0] or "worked"} -> {errors[1] or "works"}'
        return
    model, model_now = before['models'][entry['model']], now['models'][entry_now['model']]
    errors = [store.get('error') for store in (model, model_now)]
    if any(errors):
        if errors[0] != errors[1]:
            yield f'building: {errors[0] or "worked"} -> {errors[1] or "works"}'
        return
    for kind in ('parameter', 'buffer'):
        yield from _of_names(kind, model, model_now, renames)
    if entry['optimizer'] or entry_now['optimizer']:
        yield from _of_optimizer(before['optimizers'].get(entry['optimizer']),
                                 now['optimizers'].get(entry_now['optimizer']),
                                 matched('parameter', model, model_now, renames))
    yield from _of_passes(model['passes'], model_now['passes'], renames, tolerance)


def matched(kind: str, model: dict, model_now: dict, renames: Renames) -> dict[str, str]:
    """Parameters or buffers of before and what they are called now."""
    originals = model['originals']
    before = {name: originals.get(name, name) for name in model[f'{kind}s']}
    return renames.match('parameter', before, model_now[f'{kind}s'])


def _of_names(kind: str, model: dict, model_now: dict, renames: Renames) -> Iterator[str]:
    before, now = model[f'{kind}s'], model_now[f'{kind}s']
    names = matched(kind, model, model_now, renames)
    gone = [name for name in before if name not in names]
    new = sorted(set(now) - set(names.values()))
    if gone:
        yield f'{kind}s gone: {_some(gone)}'
    if new:
        yield f'{kind}s new: {_some(new)}'
    for name, name_now in names.items():
        changed = [f'{key} {before[name][key]} -> {now[name_now][key]}' for key in before[name]
                   if before[name][key] != now[name_now].get(key)]
        if changed:
            yield f'{kind} {_both(name, name_now)}: {", ".join(changed)}'


def _of_optimizer(before: dict | None, now: dict | None, names: dict[str, str]) -> Iterator[str]:
    if before is None or now is None:
        yield f'optimizer: {"none" if before is None else "there"} -> ' \
              f'{"none" if now is None else "there"}'
        return
    yield from (f'optimizer {key}: {before["settings"].get(key)} -> {now["settings"].get(key)}'
                for key in sorted({*before['settings'], *now['settings']})
                if before['settings'].get(key) != now['settings'].get(key))
    changes: dict[str, list[str]] = {}
    for name, name_now in names.items():
        for change in _changes_of_group(_group(before, name), _group(now, name_now)):
            changes.setdefault(change, []).append(name)
    for change, those in changes.items():
        yield f'optimizer group, {change}: {_some(those)}'


def _group(optimizer: dict, name: str) -> dict[str, Any]:
    number = optimizer['parameters'].get(name)
    return {'optimized': False} if number is None else \
        {'optimized': True, **optimizer['groups'][number]}


def _changes_of_group(before: dict, now: dict) -> Iterator[str]:
    for key in sorted({*before, *now}):
        if before.get(key) != now.get(key):
            yield f'{key} {before.get(key)} -> {now.get(key)}'


def _of_passes(before: dict, now: dict, renames: Renames, tolerance: float) -> Iterator[str]:
    reasons = before.get('skipped'), now.get('skipped')
    if reasons[1] and reasons[0] != reasons[1]:
        yield f'passes: {reasons[0] or "ran"} -> {reasons[1]}'
    if 'losses' in before and 'losses' in now:
        yield from _of_losses(before['losses'], now['losses'], renames, tolerance)
    for kind in ('predictions', 'training_predictions'):
        if kind in before and kind in now:
            for sentence in _of_predictions(before[kind], now[kind], tolerance):
                yield sentence + (', in training mode' if kind != 'predictions' else '')


def _of_losses(before: dict, now: dict, renames: Renames, tolerance: float) -> Iterator[str]:
    names = renames.match('loss', {name: renames.original('loss', name) for name in before}, now)
    if gone := [name for name in before if name not in names]:
        yield f'losses gone: {_some(gone)}'
    if new := sorted(set(now) - set(names.values())):
        yield f'losses new: {_some(new)}'
    for name, name_now in names.items():
        old, new_value = _array(before[name]), _array(now[name_now])
        if old.shape != new_value.shape:
            yield f'loss {_both(name, name_now)}: shape {old.shape} -> {new_value.shape}'
            continue
        apart, largest = _apart(old, new_value), _largest(old)
        if apart > tolerance * largest:
            values = f'{old.item():.9g} -> {new_value.item():.9g}, ' if old.size == 1 else ''
            yield f'loss {_both(name, name_now)}: {values}{_how_much(apart, largest)}'


def _of_predictions(before: dict, now: dict, tolerance: float) -> Iterator[str]:
    if set(before) != set(now):
        yield f'predictions: fields {_some(sorted(before))} -> {_some(sorted(now))}'
        return
    old, new = ({name: _array(value) for name, value in those.items()} for those in (before, now))
    counts = [[len(value) for value in those.values()] for those in (old, new)]
    shapes = [[value.shape for value in those.values()] for those in (old, new)]
    if counts[0] != counts[1]:
        yield f'predictions: {max(counts[0])} -> {max(counts[1])} detections'
    elif shapes[0] != shapes[1]:
        yield f'predictions: shapes {shapes[0]} -> {shapes[1]}'
    else:
        if tolerance > 0:  # sums in another order may change places of almost equal scores
            new = _in_order(old, new)
        for name in old:
            apart, largest = _apart(old[name], new[name]), _largest(old[name])
            if apart > tolerance * largest:
                yield f'prediction {name}: {_how_much(apart, largest)}'


def _in_order(old: dict[str, np.ndarray], new: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Detections of ``new`` in the order of those of ``old`` that they are nearest to."""
    scales = {name: _largest(value) or 1.0 for name, value in old.items()}
    rows, rows_new = (np.concatenate(
        [np.nan_to_num(value.reshape(len(value), -1) / scales[name])
         for name, value in those.items()], axis=1) for those in (old, new))
    free = np.ones(len(rows_new), bool)
    order = []
    for row in rows:
        distance = np.where(free, np.abs(rows_new - row).max(1), np.inf)
        order.append(int(distance.argmin()))
        free[order[-1]] = False
    return {name: value[order] for name, value in new.items()}


def _array(stored: dict) -> np.ndarray:
    return np.array(stored['values'], dtype=np.float64).reshape(stored['shape'])


def _apart(before: np.ndarray, now: np.ndarray) -> float:
    """Largest difference; two NaN, or two infinities of one sign, are equal."""
    same = (before == now) | (np.isnan(before) & np.isnan(now))
    with np.errstate(invalid='ignore'):
        apart = np.where(same, 0.0, np.abs(before - now))
    return float(np.nan_to_num(apart, nan=np.inf).max(initial=0.0))


def _largest(values: np.ndarray) -> float:
    return float(np.abs(values[np.isfinite(values)]).max(initial=0.0))


def _how_much(apart: float, largest: float) -> str:
    part = f' ({apart / largest:.2g} of the largest value)' if largest else ''
    return f'largest difference {apart:.3g}{part}'


def _both(name: str, name_now: str) -> str:
    return name if name == name_now else f'{name} -> {name_now}'


def _some(names: list[str]) -> str:
    more = f' and {len(names) - SHOWN} more' if len(names) > SHOWN else ''
    return ', '.join(names[:SHOWN]) + more
