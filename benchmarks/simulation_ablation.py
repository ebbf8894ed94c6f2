"""What each ingredient of the simulated sweeps is worth: the detector made without it.

    python -m sparse3d_benchmarks.simulation_ablation --out results/anywhere_ablation.json

makes the weights of ``make_weights.py`` once whole and once without each ingredient, with few
sweeps, and judges all of them on the same whole sweeps of other places and sensors; with real
frames beside them in ``SPARSE3D_REAL_DATA`` on these as well. The score that counts leaves one
false car a frame on the simulated sweeps, for each detector by itself: no real frame chooses it.
A run that was stopped goes on; what the file has is not run again.
"""
from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparse3d.apis.weights_recipe import CONFIG, Recipe, note_recipe
from sparse3d.atomic_files import check_place
from sparse3d.errors import DataError
from sparse3d.simulate.anywhere.ingredients import INGREDIENTS, Ingredients
from sparse3d_cli.zero_shot import FOLDERS

if TYPE_CHECKING:
    from sparse3d.apis.zero_shot import Judgement

WHOLE = 'whole'


@dataclass(frozen=True)
class Ablation:
    """What all rows have in common.

    Attributes:
        frames: simulated sweeps of each training.
        epochs: of each training.
        judged_frames: simulated sweeps, of other places and sensors, that judge.
        judged_seed: of those.
        val_fraction: share of the places that does not train, as in ``make_weights.py``.
        batch_size: sweeps of a step: with few sweeps many small steps learn more than few large.
    """

    frames: int = 480
    epochs: int = 2
    judged_frames: int = 120
    judged_seed: int = 29
    val_fraction: float = Recipe.val_fraction
    batch_size: int = 1

    def recipe(self, name: str, seed: int) -> Recipe:
        """What the weights of a row are made with.

        Raises:
            DataError: as :class:`Recipe`, or for the seed of the sweeps that judge, whose places
                would train.
        """
        if seed == self.judged_seed:
            raise DataError(f'the seed {seed} is that of the sweeps that judge: their places would '
                            f'train; take another seed')
        return Recipe(self.frames, self.epochs, seed, self.val_fraction,
                      without=() if name == WHOLE else (name,), batch_size=self.batch_size)


def rows(ingredients: Sequence[str], seeds: Sequence[int]) -> list[tuple[str, int]]:
    """Names of rows and seeds: the whole with all seeds, each ingredient with the first.

    Raises:
        DataError: for an unknown ingredient.
    """
    Ingredients.without(ingredients)
    first, *others = seeds
    return [(WHOLE, first), *((name, first) for name in ingredients),
            *((WHOLE, seed) for seed in others)]


def run_row(name: str, seed: int, ablation: Ablation, work: Path, data: Path) -> Path:
    """Make the weights of a row; the checkpoint of its last epoch.

    Raises:
        ConfigError: if the working folder has those of other sizes.
    """
    own = name if seed == Recipe.seed else f'{name}_seed_{seed}'
    recipe = ablation.recipe(name, seed)
    if (work / 'weights' / own).exists():
        note_recipe(work / own, recipe)
    else:
        from sparse3d.apis.make_weights import make_weights
        make_weights(work / own, data / own, recipe, own, work / 'weights')
    return work / own / f'epoch_{ablation.epochs}.pth'


def judged_sweeps(folder: Path, ablation: Ablation) -> Path:
    """The whole sweeps that all rows are judged on, nine of ten: a folder of a custom data set."""
    from sparse3d.datasets.custom.simulate.anywhere import simulate_anywhere
    simulate_anywhere(folder, ablation.judged_frames, ablation.judged_seed, 1, val_fraction=.9)
    return folder


def metrics_of(judged: Judgement, threshold: float) -> dict[str, float]:
    """Recall and false boxes a frame of the simulated sweeps, and counts of the real frames."""
    from sparse3d.metrics.zero_shot import CLASSES, IOU_THRESHOLDS
    from sparse3d.structures.labeled_frame import CAR, SIMULATED
    at = replace(judged, threshold=threshold).summaries()
    metrics = {'threshold': threshold}
    simulated = at.pop(SIMULATED)
    for name in CLASSES:
        one = simulated[name]
        for iou in IOU_THRESHOLDS:
            metrics[f'simulated/{name} recall at {iou}'] = one.found[iou] / max(1, one.wanted)
        metrics[f'simulated/{name} false per frame'] = one.false / one.frames
    if at:
        cars = [classes[CAR] for classes in at.values()]
        metrics['real/cars'] = sum(one.wanted for one in cars)
        for iou in IOU_THRESHOLDS:
            metrics[f'real/cars found at {iou}'] = sum(one.found[iou] for one in cars)
        metrics['real/false cars per frame'] = (sum(one.false for one in cars)
                                                / sum(one.frames for one in cars))
    return metrics


def run(out: Path, ablation: Ablation, wanted: Sequence[tuple[str, int]], work: Path, data: Path,
        real: Mapping[str, str]) -> list[dict[str, Any]]:
    """Make and judge every row that the file does not have, and write it after each.

    Raises:
        DataError: if the file was made with other sizes or other real frames, a row cannot be made
            with them, or the file cannot be written.
        ConfigError: if a working folder has weights of other sizes.
    """
    from sparse3d.apis.zero_shot import threshold_of, zero_shot
    from sparse3d.engine.result_record import write_result
    from sparse3d.structures.labeled_frame import SIMULATED
    from sparse3d.transforms.text_files import read_json
    for row in wanted:
        ablation.recipe(*row)
    check_place(out)
    common = dict(asdict(ablation), real=sorted(real))
    stored = read_json(out) if out.is_file() else dict(common=common, runs=[])
    known = stored.get('common') if isinstance(stored, dict) else None
    if known != common:
        raise DataError(f'{out} was made with {known}, not {common}; name another file, or the '
                        f'same sizes')
    runs, sweeps = stored['runs'], None
    for name, seed in wanted:
        if any((run['name'], run['seed']) == (_shown(name), seed) for run in runs):
            continue
        sweeps = sweeps or judged_sweeps(data / 'judged', ablation)
        checkpoint = run_row(name, seed, ablation, work, data)
        judged = zero_shot(CONFIG, checkpoint, {'custom': sweeps, **real}, .3)
        own = replace(judged, scores={SIMULATED: judged.scores[SIMULATED]})
        runs.append(dict(name=_shown(name), seed=seed,
                         metrics=metrics_of(judged, threshold_of(own))))
        write_result(out, dict(common=common, runs=runs))
        print(f'{name}, seed {seed}: {runs[-1]["metrics"]}', flush=True)
    return runs


def _shown(name: str) -> str:
    return name if name == WHOLE else f'without {name}'


def main(given: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--out', type=Path, required=True, help='JSON file of the rows')
    parser.add_argument('--only', nargs='*', default=INGREDIENTS, metavar='INGREDIENT',
                        help='default: each of them once')
    parser.add_argument('--seeds', type=int, nargs='+', default=[Recipe.seed],
                        help='of the whole; ingredients have the first (%(default)s); not '
                        f'{Ablation.judged_seed}, that of the sweeps that judge')
    parser.add_argument('--frames', type=int, default=Ablation.frames, help='(%(default)s)')
    parser.add_argument('--epochs', type=int, default=Ablation.epochs, help='(%(default)s)')
    parser.add_argument('--judged-frames', type=int, default=Ablation.judged_frames,
                        help='simulated sweeps that judge (%(default)s)')
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/ablation'))
    parser.add_argument('--data', type=Path, default=Path('data/ablation'))
    parser.add_argument('--real', type=Path, help='folder with kitti, nuscenes_frame and '
                        'argoverse2; default: none, simulated sweeps alone judge')
    arguments = parser.parse_args(given)
    from sparse3d.apis.command_line import run_command
    from sparse3d.engine.allocator import set_allocator
    set_allocator()

    def work() -> None:
        real = {name: str(arguments.real / folder) for name, folder in FOLDERS.items()
                if (arguments.real / folder).is_dir()} if arguments.real else {}
        if arguments.real and not real:
            raise DataError(f'{arguments.real} has none of {", ".join(FOLDERS.values())}')
        run(arguments.out, Ablation(arguments.frames, arguments.epochs, arguments.judged_frames),
            rows(arguments.only, arguments.seeds), arguments.work_dir, arguments.data, real)
    return run_command(work)


if __name__ == '__main__':
    raise SystemExit(main())
