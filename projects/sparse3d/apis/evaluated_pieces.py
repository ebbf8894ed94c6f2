"""A test whose samples are predicted in pieces by several processes, and scored once, here."""
from __future__ import annotations

import hashlib
import logging
import os
import pickle
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from mmengine.config import Config

from sparse3d.checkpoints.open import load_weights, open_checkpoint
from sparse3d.engine.hooks.feature_reuse import reusing_features, tell_split_scenes
from sparse3d.engine.piece_sampler import PieceSampler
from sparse3d.engine.runner import Sparse3DRunner, bare_model
from sparse3d.engine.scene_sampler import SceneSampler, scene_bounds
from sparse3d.errors import DataError
from sparse3d.parallel.executors import Workers
from sparse3d.parallel.failures import Failures
from sparse3d.parallel.pool import run_parallel
from sparse3d.preparation.journal import Journal
from sparse3d.safe_pickle import loads_plain

MOST_SAMPLES = 64   # of a piece
PIECES = 16         # at least, of a test set that has as many batches


@dataclass(frozen=True)
class PieceOfTest:
    """Samples of a test set from one index to another."""

    start: int
    stop: int

    @property
    def name(self) -> str:
        return f'samples {self.start} to {self.stop - 1}'


@dataclass(frozen=True)
class TestTask:
    """What each process needs to predict a piece.

    Attributes:
        config: as text.
        checkpoint: file of the weights.
        allow_partial: take a checkpoint of which only a part fits.
        journal: where finished pieces are kept.
    """

    __test__ = False  # not a case for pytest

    config: str
    checkpoint: str
    allow_partial: bool
    journal: Journal


def test_in_pieces(runner: Sparse3DRunner, config: Config, checkpoint: str, workers: Workers,
                   allow_partial: bool = False) -> dict[str, float]:
    """Predict a test set in pieces and score it as one process would.

    Batches are those of one process. Finished pieces are kept in the work folder until the scores
    are there, so that a run that was stopped, or of which pieces failed, goes on where it stopped.

    Args:
        runner: built for the config; its dataset is counted and its metrics score.
        config: of the test.
        checkpoint: file of the weights.
        workers: number of processes, or a cluster.
        allow_partial: take a checkpoint of which only a part fits.

    Raises:
        DataError: if a piece cannot be predicted; the others are.
    """
    loop = runner.test_loop
    samples, batch = len(loop.dataloader.dataset), loop.dataloader.batch_size or 1
    with reusing_features(runner.model) as driver:
        tell_split_scenes(driver, loop.dataloader.sampler, 2)
    by_scenes = isinstance(loop.dataloader.sampler, SceneSampler)
    pieces = pieces_of(samples, batch) if not by_scenes else pieces_of_scenes(
        scene_bounds(list(loop.dataloader.dataset.scenes)))
    folder = Path(config.work_dir)
    journal = Journal(folder / '.test_pieces', dict(
        config=hashlib.sha256(config.pretty_text.encode()).hexdigest(),
        checkpoint=os.path.abspath(checkpoint), allow_partial=allow_partial))
    task = TestTask(config.pretty_text, checkpoint, allow_partial, journal)
    runner.begun = True  # what is finished stays in the work folder, whatever fails
    failures = Failures(folder, 'piece')
    results: list[list] = [[] for _ in loop.evaluator.metrics]
    predicted = run_parallel(partial(predict_piece, task), pieces, workers, 'tested pieces',
                             clean=True)
    for piece, result in zip(pieces, predicted, strict=True):
        if isinstance(result, DataError):
            failures.add(piece.name, result)
            continue
        for all_results, own in zip(results, result, strict=True):
            all_results += own
    failures.close(len(pieces))
    failures.refuse()
    for metric, own in zip(loop.evaluator.metrics, results, strict=True):
        metric.results = own
    metrics = loop.evaluator.evaluate(samples)
    journal.remove()
    return metrics


test_in_pieces.__test__ = False  # type: ignore[attr-defined]  # not a case for pytest


def pieces_of(samples: int, batch_size: int) -> list[PieceOfTest]:
    """Pieces of whole batches; the same ones whoever predicts them."""
    size = max(1, min(MOST_SAMPLES, samples // PIECES))
    size = -(-size // batch_size) * batch_size
    return [PieceOfTest(start, min(start + size, samples)) for start in range(0, samples, size)]


def pieces_of_scenes(bounds: Sequence[tuple[int, int]]) -> list[PieceOfTest]:
    """Pieces of whole scenes, for a model that remembers the frame before.

    Args:
        bounds: first sample of each scene, and the one behind its last.
    """
    size = max(1, min(MOST_SAMPLES, bounds[-1][1] // PIECES)) if bounds else 1
    pieces: list[PieceOfTest] = []
    for start, stop in bounds:
        if pieces and pieces[-1].stop - pieces[-1].start < size:
            pieces[-1] = PieceOfTest(pieces[-1].start, stop)
        else:
            pieces.append(PieceOfTest(start, stop))
    return pieces


def predict_piece(task: TestTask, piece: PieceOfTest) -> list[list]:
    """What each metric keeps of the samples of a piece; run by a process of a pool or cluster."""
    sources = [Path(task.checkpoint)]
    kept = task.journal.load(piece.name, sources)
    if kept is not None:
        return kept
    from sparse3d.engine.allocator import set_allocator
    set_allocator()
    config = Config.fromstring(task.config, '.py')
    config.test_dataloader.sampler = dict(type=PieceSampler.__name__, start=piece.start,
                                          stop=piece.stop)
    config.work_dir = tempfile.mkdtemp(prefix='.piece-', dir=config.work_dir)
    config.load_from = None  # the weights are loaded here
    try:
        results = _predicted(config, task)
    finally:
        shutil.rmtree(config.work_dir, ignore_errors=True)
    if _is_plain(results):
        task.journal.save(piece.name, sources, results)
    return results


def _predicted(config: Config, task: TestTask) -> list[list]:
    logging.disable(logging.INFO)  # who started the test tells how far it is
    try:
        runner = Sparse3DRunner.from_cfg(config)
        load_weights(bare_model(runner.model), open_checkpoint(task.checkpoint),
                     task.allow_partial)
        evaluator = runner.test_loop.evaluator
        evaluator.evaluate = lambda size: {}  # scored once, over all pieces
        runner.test()
    finally:
        logging.disable(logging.NOTSET)
    return [list(metric.results) for metric in evaluator.metrics]


def _is_plain(results: Sequence[Any]) -> bool:
    """Whether results can be kept in a file that runs no code when it is read."""
    try:
        loads_plain(pickle.dumps(results, protocol=4), 'results')
    except (DataError, pickle.PicklingError, TypeError, AttributeError):
        return False
    return True
