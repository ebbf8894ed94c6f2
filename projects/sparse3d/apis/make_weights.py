"""The weights that come with Sparse3D, from nothing: simulate, train, choose, publish."""
from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from sparse3d.apis.publish import CardFacts, publish
from sparse3d.apis.train import train
from sparse3d.apis.weights_recipe import CONFIG, Recipe, note_recipe
from sparse3d.apis.zero_shot import Judgement, threshold_of, zero_shot
from sparse3d.atomic_files import check_place, make_folder, write_bytes_atomically
from sparse3d.checkpoints.hub import WEIGHTS, sum_of
from sparse3d.checkpoints.open import latest_checkpoint, open_checkpoint
from sparse3d.checkpoints.shipped import FOLDER, NAMES, THRESHOLD_KEY
from sparse3d.datasets.custom.prepare.frames import CustomPreparation, prepare_custom
from sparse3d.datasets.custom.simulate.anywhere import simulate_anywhere
from sparse3d.errors import ConfigError
from sparse3d.structures.labeled_frame import LARGE_VEHICLE

DATA_VARIABLE = 'SPARSE3D_SIMULATED_ANYWHERE'
CLASSES_OF = {'large_vehicles': (LARGE_VEHICLE, )}  # an ingredient's, which go with it
HOURS = 'hours.json'  # in the working folder: seconds of each step, those of stopped runs too


def make_weights(work_dir: Path, data: Path, recipe: Recipe | None = None,
                 name: str = 'anywhere', folder: Path = FOLDER, workers: int = 1) -> Path:
    """Make weights and write them as a folder that ``sparse3d publish`` would write.

    A run that was stopped goes on where it stopped. Only simulated sweeps are looked at.

    Args:
        work_dir: for checkpoints and logs.
        data: folder for the simulated sweeps.
        recipe: what decides the weights.
        name: of the weights.
        folder: where a folder of that name is made.
        workers: processes that simulate.

    Returns:
        The folder with the weights.

    Raises:
        ConfigError: if the folder of that name is there, or the working folder was begun with
            another recipe.
        CheckpointError: if the recipe begins with a checkpoint that cannot be read.
        DataError: if the data are of another simulation, or a file cannot be written.
    """
    recipe = recipe or Recipe()
    target = folder / name
    if target.exists():
        raise ConfigError(f'{target} is there already; name another folder (--folder), or move it '
                          f'away before new weights are made')
    check_place(target)
    if recipe.load_from and latest_checkpoint(work_dir) is None:
        open_checkpoint(recipe.load_from)  # or hours of simulation would come before the error
    make_folder(work_dir)
    note_recipe(work_dir, recipe)
    _timed(work_dir, 'simulate', lambda: simulate_anywhere(
        data, recipe.frames, recipe.seed, workers, recipe.val_fraction,
        recipe.options))
    _timed(work_dir, 'prepare', lambda: prepare_custom(
        data, CustomPreparation(4, recipe.val_fraction, False, False), 1))
    os.environ[DATA_VARIABLE] = str(data)  # where the config looks
    last = work_dir / f'epoch_{recipe.epochs}.pth'
    if not last.is_file():
        _timed(work_dir, 'train', lambda: train(
            CONFIG, work_dir, _options(recipe), resume='auto', seed=recipe.seed,
            epochs=recipe.epochs, batch_size=recipe.batch_size))
    return ship(last, data, recipe, target, hours_of(work_dir))


def ship(checkpoint: Path, data: Path, recipe: Recipe, target: Path, hours: dict[str, float]
         ) -> Path:
    """Choose the score threshold on the simulated sweeps kept for it, and write the folder.

    Args:
        checkpoint: of the training.
        data: simulated sweeps; those of ``splits/val.txt`` are looked at.
        recipe: what the weights were made with.
        target: folder to write.
        hours: of each step.

    Returns:
        That folder.

    Raises:
        DataError: if there is no such sweep.
    """
    judged = zero_shot(CONFIG, checkpoint, {'custom': data}, .3)
    threshold = threshold_of(judged, recipe.false_per_frame)
    chosen = replace(judged, threshold=threshold)
    facts = CardFacts(
        license='apache-2.0', data=_data(recipe), notes={
            THRESHOLD_KEY: threshold, 'command': recipe.command(), 'seed': recipe.seed,
            'hours': round(sum(hours.values()), 2)},
        load_as=target.name if target in [FOLDER / name for name in NAMES] else None,
        text=_text(recipe, chosen, hours))
    publish(CONFIG, checkpoint, target, facts)
    print(f'{target / WEIGHTS}: SHA-256 {sum_of(target / WEIGHTS)}')
    return target


def hours_of(work_dir: Path) -> dict[str, float]:
    """Hours of each step so far, stopped runs included."""
    path = work_dir / HOURS
    return {step: seconds / 3600 for step, seconds in json.loads(path.read_text()).items()} \
        if path.is_file() else {}


def _options(recipe: Recipe) -> dict[str, Any]:
    """Of the config: what a training begins with, and which classes no sweep has.

    The detector has places for these classes still.
    """
    absent = [name for ingredient in recipe.without for name in CLASSES_OF.get(ingredient, ())]
    options = {f'{loader}.dataset.absent_classes': absent
               for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader') if absent}
    return options | (dict(load_from=recipe.load_from) if recipe.load_from else {})


def _timed(work_dir: Path, step: str, run: Callable[[], Any]) -> Any:
    start = time.monotonic()
    try:
        return run()
    finally:
        path = work_dir / HOURS
        known = json.loads(path.read_text()) if path.is_file() else {}
        known[step] = known.get(step, 0.0) + time.monotonic() - start
        write_bytes_atomically(path, json.dumps(known).encode())


def _data(recipe: Recipe) -> str:
    left_out = f', without {", ".join(recipe.without)}' if recipe.without else ''
    begun = (f'Training began with the weights {recipe.load_from}, of whose data nothing is said '
             f'here; beside them no' if recipe.load_from else 'No')
    return (f'{recipe.frames} sweeps that `sparse3d simulate custom` makes (seed {recipe.seed}'
            f'{left_out}): sensors of 16 to 128 rings at heights of 0.5 to 2.5 m in simulated '
            f'streets, parking lots and squares. {begun} real point entered training or the '
            f'choice of the score threshold. Slopes, tall things and the range of heights of the '
            f'simulation were set after a look at such statistics of six real frames.')


def _text(recipe: Recipe, judged: Judgement, hours: dict[str, float]) -> str:
    spent = ', '.join(f'{step} {value:.2f}' for step, value in hours.items())
    return '\n'.join([
        '## How it was made', '', f'    {recipe.command()}', '',
        f'Hours by the clock: {spent or "not noted"}. Points are x, y, z alone: intensities are '
        f'not looked at. The height of the sensor is estimated from the ground of each sweep.', '',
        '## On simulated sweeps kept apart', '',
        f'Places and sensors of their own; the score threshold, {judged.threshold:.2f}, is the '
        f'lowest that leaves {recipe.false_per_frame:g} false car a frame there. Wanted: at least '
        f'20 points within 40 m.', '', judged.table(), ''])
