"""Simulated sweeps of random sensors in random places, in the layout of custom data.

    root/points/<number>.npy         x, y, z, intensity in the frame of the sensor
    root/boxes/<number>.csv          Car, LargeVehicle, Pedestrian, Cyclist
    root/splits/{train,val}.txt
    root/simulation.json             version, seed and options that decide the content

Each place is seen by several sensors, each from another spot. A place is for training or for
validation, and so are its sensors: none is in both. Sweep i depends on the seed, the options and i
alone, and a run that was stopped goes on where it stopped, to the same bytes.
"""
from __future__ import annotations

import io
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from sparse3d.atomic_files import write_bytes_atomically
from sparse3d.datasets.custom.simulate.options import AnywhereOptions
from sparse3d.errors import DataError
from sparse3d.parallel.executors import Workers
from sparse3d.parallel.failures import Failures
from sparse3d.parallel.pool import run_jobs
from sparse3d.simulate.anywhere.ingredients import Ingredients
from sparse3d.simulate.anywhere.place import random_place
from sparse3d.simulate.anywhere.sensors import Sensor, random_sensor
from sparse3d.simulate.anywhere.sweep import AnywhereSweep, sensor_from_world, sweep
from sparse3d.simulate.conditions import Conditions
from sparse3d.simulate.output_folder import open_folder, write_lines
from sparse3d.simulate.poses import apply, pose
from sparse3d.simulate.scene import Snapshot

VERSION = 1  # raise whenever the same options give other sweeps
HEADER = 'class,x,y,z_bottom,dx,dy,dz,yaw'
_CLEAR = .85  # share of the places in fine weather
_TAKEN = 1.2  # meters around a vehicle where no sensor stands


def simulate_anywhere(root: str | Path, num_frames: int = 200, seed: int = 0, workers: Workers = 1,
                      val_fraction: float = .2, options: AnywhereOptions | None = None,
                      show_progress: bool = True) -> None:
    """Simulate ``num_frames`` labeled sweeps into the folder ``root``.

    Args:
        val_fraction: share of the places, the last ones, that go to ``splits/val.txt``.
        workers: number of processes, or a cluster.

    Raises:
        DataError: if the folder holds something else, cannot be written, or an option is out of
            range.
    """
    options = options or AnywhereOptions()
    if num_frames < 1 or not 0 <= val_fraction <= 1 or seed < 0:
        raise DataError(f'num_frames {num_frames}, val_fraction {val_fraction} or seed {seed} is '
                        'out of range; use at least 1 frame, a fraction of 0 to 1, a seed >= 0')
    root = Path(root)
    open_folder(root, ['points', 'boxes', 'splits'],
                {'format': 'anywhere', 'version': VERSION, 'seed': seed,
                 'options': {**vars(options), 'without': sorted(set(options.without))}})
    missing = [frame for frame in range(num_frames) if not _path(root, frame, 'boxes').exists()]
    places = sorted({frame // options.sweeps_per_place for frame in missing})
    jobs = [[frame for frame in missing if frame // options.sweeps_per_place == place]
            for place in places]
    run_jobs(partial(write_place, root, seed, options), jobs, workers, title='simulated sweeps',
             total=num_frames, done=num_frames - len(missing), show_progress=show_progress,
             failures=Failures(root, 'place',
                               name=lambda frames: str(frames[0] // options.sweeps_per_place)))
    _, first_held_out = options.split(num_frames, val_fraction)
    for split, of_it in (('train', lambda place: place < first_held_out),
                         ('val', lambda place: place >= first_held_out)):
        write_lines(root / 'splits' / f'{split}.txt',
                    [f'{frame:06d}' for frame in range(num_frames)
                     if of_it(frame // options.sweeps_per_place)])


def write_place(root: Path, seed: int, options: AnywhereOptions, frames: list[int]) -> int:
    """Simulate and write some sweeps of one place; returns their number."""
    place = frames[0] // options.sweeps_per_place
    ingredients = Ingredients.without(options.without)
    rng = np.random.default_rng((seed, place))
    scene = random_place(rng, ingredients)
    if ingredients.weather and rng.random() > _CLEAR:
        rainy = rng.random() < .7
        scene = replace(scene, weather=Conditions(
            'rain' if rainy else 'fog', visibility=float(rng.uniform(60, 300)),
            rain_rate=float(rng.uniform(2, 40))).air())
    snapshot = scene.snapshot(0.0)
    for frame in frames:
        own = np.random.default_rng((seed, place, 1 + frame % options.sweeps_per_place))
        looking = moved(snapshot, own) if frame % options.sweeps_per_place else snapshot
        write_sweep(root, frame, looking, random_sensor(own, ingredients), options, own)
    return len(frames)


def moved(snapshot: Snapshot, rng: np.random.Generator) -> Snapshot:
    """The same place from another spot, where nothing stands, heading anywhere."""
    boxes = np.array([state.box for state in snapshot.actors]).reshape(-1, 9)
    for _ in range(50):
        spot = rng.uniform((-30, -12), (30, 12))
        if not len(boxes) or (np.hypot(*(boxes[:, :2] - spot).T)
                              > _TAKEN + np.maximum(boxes[:, 3] / 2, 1)).all():
            break
    height = float(snapshot.terrain.height(spot))
    yaw = float(rng.uniform(-np.pi, np.pi))
    return replace(snapshot, world_from_ego=pose(np.append(spot, height), yaw))


def write_sweep(root: Path, frame: int, snapshot: Snapshot, sensor: Sensor,
                options: AnywhereOptions, rng: np.random.Generator) -> None:
    """Write the files of a sweep; the boxes come last."""
    seen = sweep(snapshot, sensor, rng)
    stream = io.BytesIO()
    np.save(stream, seen.points)
    write_bytes_atomically(_path(root, frame, 'points'), stream.getvalue())
    write_lines(_path(root, frame, 'boxes'), label_lines(snapshot, sensor, seen, options))


def label_lines(snapshot: Snapshot, sensor: Sensor, seen: AnywhereSweep,
                options: AnywhereOptions) -> list[str]:
    """Lines of a box file, in the frame of the sensor: objects with enough points."""
    to_sensor = sensor_from_world(snapshot, sensor)
    turn = np.arctan2(to_sensor[1, 0], to_sensor[0, 0])
    numbers, counts = np.unique(seen.instances, return_counts=True)
    points = dict(zip(numbers.tolist(), counts.tolist(), strict=True))
    lines = [HEADER]
    for state in snapshot.actors:
        x, y, bottom, dx, dy, dz, yaw = state.box[:7]
        center = apply(to_sensor, np.array([x, y, bottom + dz / 2]))
        if points.get(state.actor.identity, 0) < options.min_points \
                or np.hypot(*center[:2]) > options.reach:
            continue
        own = (center[0], center[1], center[2] - dz / 2, dx, dy, dz,
               (yaw + turn + np.pi) % (2 * np.pi) - np.pi)
        lines.append(','.join([state.actor.shape.kind, *(f'{value:.3f}' for value in own)]))
    return lines


def _path(root: Path, number: int, folder: str) -> Path:
    return root / folder / f'{number:06d}.{"npy" if folder == "points" else "csv"}'
