"""The comparison table applied: to a config, to a checkpoint beside it, to files beside it."""
from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations, product
from os import PathLike
from pathlib import Path
from typing import Any

from mmengine.config import Config

from sparse3d.engine.agreement.statements import Statement, statements_in, statements_of_loader
from sparse3d.engine.agreement.table import ROWS, Row
from sparse3d.engine.possible_numbers import refuse_impossible

logger = logging.getLogger(__name__)


def check_config(config: Config, splits: Sequence[str]) -> None:
    """Refuse a config whose places disagree.

    Args:
        config: with a model, datasets, or both.
        splits: whose data are about to be used: ``'train'``, ``'val'``, ``'test'``; those that
            the config lacks are passed over.

    Raises:
        ConfigError: naming both values and both places.
    """
    training = ('train_cfg', 'optim_wrapper', 'auto_scale_lr') if 'train' in splits else ()
    refuse_impossible({key: _plain(config.get(key)) for key in (
        'model', *training, *(f'{split}_dataloader' for split in splits))})
    said = [*statements_in(_plain(config.get('model')), 'model'), *_of_splits(config, splits)]
    for row, first, second in disagreements(said):
        raise row.error(sentence(row, first, second, Path(config.filename or 'the config').name))


def check_checkpoint(config: Config, splits: Sequence[str], checkpoint: Mapping[str, Any],
                     path: str | PathLike, refuse: bool = True) -> None:
    """Refuse a checkpoint that was trained for other classes, or for another order of them.

    Args:
        config: of what the checkpoint is used for; see :func:`check_config`.
        checkpoint: as read; one that says nothing of its classes is taken.
        path: where it was read from.
        refuse: False only warns: weights to start a training from may know other classes.

    Raises:
        CheckpointError: naming both lists and both places.
    """
    meta = checkpoint.get('meta')
    meta = meta if isinstance(meta, Mapping) else {}
    dataset = meta.get('dataset_meta')
    key = 'dataset_meta.classes' if isinstance(dataset, Mapping) else 'CLASSES'  # mmdet3d 0.x
    classes = dataset.get('classes') if isinstance(dataset, Mapping) else meta.get('CLASSES')
    if not isinstance(classes, list | tuple) or not all(isinstance(c, str) for c in classes):
        return
    said = Statement('checkpoint.classes', list(classes), f'{path}, meta.{key}')
    for row, first, second in disagreements([said, *_of_splits(config, splits)]):
        if 'checkpoint.classes' not in (row.first, row.second):
            continue
        text = sentence(row, first, second, Path(config.filename or 'the config').name)
        if refuse:
            raise row.error(text)
        logger.warning('%s; the weights are taken as a start all the same', text)
        return


def check_files(pipeline: Iterable[Any], source: str | PathLike, cameras: Iterable[str] = (),
                columns: Iterable[int] = ()) -> None:
    """Refuse files that lack what the transforms of a dataset are about to read.

    Args:
        pipeline: the transforms, built.
        source: the info file that says what the files have.
        cameras: that occur in it; looked at if the transforms read images of cameras.
        columns: numbers of columns that its point clouds have.

    Raises:
        DataError: naming both values and both places.
    """
    said = [Statement('files.columns', count, str(source)) for count in sorted(set(columns))]
    said.append(Statement('files.cameras', sorted(set(cameras)), str(source)))
    for transform in pipeline:
        said += statements_of_loader(transform)
    for row, first, second in disagreements(said):
        if 'files' in row.first:
            raise row.error(sentence(row, first, second))


def disagreements(said: Sequence[Statement]) -> Iterator[tuple[Row, Statement, Statement]]:
    """Rows of the table that do not hold, with the two statements."""
    by_kind: dict[str, list[Statement]] = {}
    for statement in said:
        by_kind.setdefault(statement.kind, []).append(statement)
    for row in ROWS:
        firsts, seconds = by_kind.get(row.first, []), by_kind.get(row.second, [])
        pairs = combinations(firsts, 2) if row.first == row.second else product(firsts, seconds)
        for first, second in pairs:
            if not row.agree(first.value, second.value):
                yield row, first, second


def sentence(row: Row, first: Statement, second: Statement, config: str = '') -> str:
    """Both values, both places, the way out."""
    where = f' in {config}' if config else ''
    return (f'the {row.what} differ{where}: {_shown(first.value)} ({first.place}) and '
            f'{_shown(second.value)} ({second.place}); {row.way_out}')


def _of_splits(config: Config, splits: Sequence[str]) -> list[Statement]:
    return [statement for split in splits for statement in statements_in(
        _plain((config.get(f'{split}_dataloader') or {}).get('dataset')),
        f'{split}_dataloader.dataset')]


def _plain(node: Any) -> Any:
    return node.to_dict() if hasattr(node, 'to_dict') else node


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        names = ', '.join(f'{item:g}' if isinstance(item, int | float) else str(item)
                          for item in value)
        return f'{len(value)} ({names or "none"})' if not value or isinstance(value[0], str) \
            else f'[{names}]'
    return f'{value:g}' if isinstance(value, float) else str(value)
