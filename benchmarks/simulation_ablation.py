"""What each ingredient of the simulated sweeps is worth: the detector made without it.

    python -m sparse3d_benchmarks.simulation_ablation --out results/anywhere_ablation.json

makes the weights of ``make_weights.py`` on sweeps without any ingredient; from these trains on with
all ingredients, without each of them and without any, a few sweeps each; and judges all on the same
whole sweeps of other places and sensors, with ``--real FOLDER`` on real frames as well. The score
that counts leaves one false car a frame on the simulated sweeps, for each detector by itself: no
real frame chooses it. A run that was stopped goes on; what the file has is not run again, and two
runs with different rows (``--only``) may fill one file once the first weights are there.
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

WHOLE, PLAIN, START = 'whole', 'plain', 'start'
ROWS = (WHOLE, PLAIN, *INGREDIENTS)


@dataclass(frozen=True)
class Ablation:
    """What all rows have in common.

    From nothing, so few sweeps teach too little to tell rows apart. Sweeps without any ingredient
    teach all rows the same beginning, and none of what they are to miss.

    Attributes:
        frames: simulated sweeps of each training.
        epochs: of each training.
        start_frames: sweeps without any ingredient that the first weights are made with.
        start_epochs: of those.
        start_seed: of those.
        judged_frames: simulated sweeps, of other places and sensors, that judge.
        judged_seed: of those.
        val_fraction: share of the places that does not train, as in ``make_weights.py``.
        batch_size: sweeps of a step of each training.
    """

    frames: int = 480
    epochs: int = 2
    start_frames: int = 600
    start_epochs: int = 4
    start_seed: int = 27
    judged_frames: int = 120
    judged_seed: int = 29
    val_fraction: float = Recipe.val_fraction
    batch_size: int = 2

    def start(self) -> Recipe:
        """What the first weights of all rows are made with.

        Raises:
            DataError: as :class:`Recipe`.
        """
        return Recipe(self.start_frames, self.start_epochs, self.start_seed, self.val_fraction,
                      without=INGREDIENTS)

    def recipe(self, name: str, seed: int, load_from: str = '') -> Recipe:
        """What the weights of a row are made with.

        Raises:
            DataError: as :class:`Recipe`, or for the seed of the sweeps that judge, whose places
                would train.
        """
        if seed == self.judged_seed:
            raise DataError(f'the seed {seed} is that of the sweeps that judge: their places would '
                            f'train; take another seed')
        return Recipe(self.frames, self.epochs, seed, self.val_fraction,
                      without={WHOLE: (), PLAIN: INGREDIENTS}.get(name, (name,)),
                      batch_size=self.batch_size, load_from=load_from)


def rows(names: Sequence[str], seeds: Sequence[int]) -> list[tuple[str, int]]:
    """Names of rows and seeds: all with the first seed, the whole with the others too.

    Raises:
        DataError: for an unknown ingredient.
    """
    Ingredients.without(name for name in names if name not in (WHOLE, PLAIN))
    first, *others = seeds
    return [*((name, first) for name in names), *((WHOLE, seed) for seed in others)]


def run_row(name: str, seed: int, ablation: Ablation, work: Path, data: Path) -> Path:
    """Make the weights of a row, the first ones before; the checkpoint of its last epoch.

    Raises:
        ConfigError: if a working folder has those of other sizes.
    """
    start = _made(START, ablation.start(), work, data)
    own = name if seed == Recipe.seed else f'{name}_seed_{seed}'
    return _made(own, ablation.recipe(name, seed, str(start)), work, data)


def _made(own: str, recipe: Recipe, work: Path, data: Path) -> Path:
    if (work / 'weights' / own).exists():
        note_recipe(work / own, recipe)
    else:
        from sparse3d.apis.make_weights import make_weights
        make_weights(work / own, data / own, recipe, own, work / 'weights')
    return work / own / f'epoch_{recipe.epochs}.pth'


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
    ablation.start()
    for row in wanted:
        ablation.recipe(*row)
    check_place(out)
    common = dict(asdict(ablation), real=sorted(real))
    sweeps = None
    for name, seed in wanted:
        if any((run['name'], run['seed']) == (_shown(name), seed)
               for run in _stored_runs(out, common)):
            continue
        sweeps = sweeps or judged_sweeps(data / 'judged', ablation)
        checkpoint = run_row(name, seed, ablation, work, data)
        judged = zero_shot(CONFIG, checkpoint, {'custom': sweeps, **real}, .3)
        own = replace(judged, scores={SIMULATED: judged.scores[SIMULATED]})
        metrics = metrics_of(judged, threshold_of(own))
        made = dict(name=_shown(name), seed=seed, metrics=metrics)
        write_result(out, dict(common=common, runs=[*_stored_runs(out, common), made]))
        print(f'{name}, seed {seed}: {metrics}', flush=True)
    return _stored_runs(out, common)


def _stored_runs(out: Path, common: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows that a file has, those of another process as well."""
    from sparse3d.transforms.text_files import read_json
    if not out.is_file():
        return []
    stored = read_json(out)
    known = stored.get('common') if isinstance(stored, dict) else None
    if known != common:
        raise DataError(f'{out} was made with {known}, not {common}; name another file, or the '
                        f'same sizes')
    return stored['runs']


def _shown(name: str) -> str:
    return name if name in (WHOLE, PLAIN) else f'without {name}'


def main(given: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--out', type=Path, required=True, help='JSON file of the rows')
    parser.add_argument('--only', nargs='*', default=ROWS, metavar='ROW',
                        help=f'"{WHOLE}", "{PLAIN}" (without any ingredient) or an ingredient '
                        f'that is left out; default: each of them once')
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
        ablation = Ablation(arguments.frames, arguments.epochs,
                            judged_frames=arguments.judged_frames)
        run(arguments.out, ablation, rows(arguments.only, arguments.seeds), arguments.work_dir,
            arguments.data, real)
    return run_command(work)


if __name__ == '__main__':
    raise SystemExit(main())
