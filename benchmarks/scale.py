"""Whole data sets on 1, 10 and 100 nodes, on paper, from frames that are measured here.

Measured in this process with one thread: seconds of the processor and bytes of frames in the size
of Waymo's (prepared) and of the simulator's default (simulated). The rest is multiplication; the
file server and the network are taken to keep up, and a row says what they would have to carry.
"""
from __future__ import annotations

import pickle
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sparse3d.datasets.waymo.prepare.preparation import prepare_waymo
from sparse3d.datasets.waymo.simulate import WaymoOptions, simulate_waymo
from sparse3d.transforms.info_files import read_info_file, write_info_file

NODES = (1, 10, 100)
CORES = 32              # of a node
SEGMENTS, DRIVES = 1000, 10_000
FRAMES = 198            # of a segment of Waymo, about
REAL_SIZE = WaymoOptions(seconds=.3, columns=2650, image_width=1920, val_fraction=0)
DEFAULT_SIZE = WaymoOptions(seconds=.3, val_fraction=0)


@dataclass(frozen=True)
class Piece:
    """One piece of work: what a worker does at once.

    Attributes:
        seconds: of a processor.
        read, written: bytes.
        files: written.
    """

    seconds: float
    read: float
    written: float
    files: float


def run(threads: int = 2, repeats: int = 10, real: WaymoOptions = REAL_SIZE,
        default: WaymoOptions = DEFAULT_SIZE) -> list[dict]:
    """Hours of both works on 1, 10, 100 nodes; ``threads`` and ``repeats`` are not used."""
    prepared, entry = measure_preparation(real)
    simulated = measure_simulation(default)
    gathered = FRAMES * SEGMENTS
    return [
        _cost('a prepared segment', prepared), _cost('a simulated drive', simulated),
        *(_on(nodes, 'prepare Waymo', SEGMENTS, prepared) for nodes in NODES),
        *(_on(nodes, 'simulate drives', DRIVES, simulated) for nodes in NODES),
        dict(name='info entries that the starting process gathers', value=entry.written * gathered
             / 1e9, unit='GB', baseline=None, ratio=None,
             note=f'{entry.written / 1e3:.1f} kB a frame, {gathered:,} frames; packed, checked and '
                  f'written in {entry.seconds * gathered:.0f} s of its processor'),
    ]


def measure_preparation(options: WaymoOptions) -> tuple[Piece, Piece]:
    """A segment of Waymo prepared, and one entry of the info file written and read."""
    with tempfile.TemporaryDirectory() as folder:
        raw, out = Path(folder, 'raw'), Path(folder, 'out')
        simulate_waymo(raw, 1, options=options, show_progress=False)
        seconds = _processor_time(lambda: prepare_waymo(raw, out, database_interval=5))
        info = out / 'waymo_infos_train.pkl'
        content = read_info_file(info, 'waymo')
        many = content['data_list'] * 100  # packed apart, as entries of other frames are
        many = pickle.loads(pickle.dumps([pickle.dumps(entry) for entry in many]))
        many = [pickle.loads(entry) for entry in many]
        packing = _processor_time(lambda: (
            write_info_file(info, content['metainfo'], many), read_info_file(info, 'waymo')))
        entry = Piece(packing / len(many), 0, info.stat().st_size / len(many), 0)
        factor = FRAMES / options.frames
        written = sum(path.stat().st_size for path in _files(out) if path.suffix != '.pkl')
        piece = Piece(seconds * factor, factor * sum(path.stat().st_size for path in _files(raw)),
                      factor * written, factor * len(_files(out)))
    return piece, entry


def measure_simulation(options: WaymoOptions) -> Piece:
    """A drive of the default length simulated; its street is built once."""
    default = WaymoOptions()
    short = WaymoOptions(seconds=.1, columns=options.columns, image_width=options.image_width,
                         val_fraction=0)
    costs = []
    for each in (short, options):
        with tempfile.TemporaryDirectory() as folder:
            seconds = _processor_time(lambda each=each, folder=folder: simulate_waymo(
                folder, 1, options=each, show_progress=False))
            costs.append((each.frames, seconds, sum(path.stat().st_size
                                                    for path in _files(Path(folder))),
                          len(_files(Path(folder)))))
    (few, first, _, _), (many, last, size, files) = costs
    frame = max(last - first, 0.) / max(many - few, 1)
    return Piece(first + frame * (default.frames - few), 0, size / many * default.frames, files)


def hours_on(nodes: int, pieces: int, piece: Piece, cores: int = CORES) -> float:
    """Hours until the last piece is done: a core takes one piece after the other."""
    rounds = -(-pieces // (nodes * cores))
    return rounds * piece.seconds / 3600


def _on(nodes: int, work: str, pieces: int, piece: Piece) -> dict:
    hours = hours_on(nodes, pieces, piece)
    moved = pieces * (piece.read + piece.written)
    busy = min(1., pieces / (nodes * CORES * -(-pieces // (nodes * CORES))))
    return dict(name=f'{work}, {pieces:,} on {nodes} x {CORES} cores', value=hours, unit='h',
                baseline=None, ratio=None,
                note=f'reads {pieces * piece.read / 1e12:.2f} TB, writes '
                     f'{pieces * piece.written / 1e12:.2f} TB in {pieces * piece.files / 1e6:.2f} '
                     f'million files; {moved / hours / 3600 / 1e9:.2f} GB/s; cores busy '
                     f'{100 * busy:.0f} %')


def _cost(name: str, piece: Piece) -> dict:
    return dict(name=name, value=piece.seconds, unit='s', baseline=None, ratio=None,
                note=f'of one core; reads {piece.read / 1e6:,.0f} MB, writes '
                     f'{piece.written / 1e6:,.0f} MB in {piece.files:,.0f} files')


def _processor_time(call: Callable[[], object]) -> float:
    begun = time.process_time()
    call()
    return time.process_time() - begun


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob('*') if path.is_file()]
