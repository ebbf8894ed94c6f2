"""A folder that a hub takes: weights as safetensors, the config as data, sums, a model card."""
from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import sparse3d.register  # noqa: F401  (repairs the stack, registers)
from sparse3d.atomic_files import atomic_folder, check_place, write_bytes_atomically
from sparse3d.checkpoints.hub import CONFIG, SUMS, WEIGHTS, sum_of
from sparse3d.checkpoints.open import Checkpoint, open_checkpoint
from sparse3d.checkpoints.safetensors_files import safetensors_bytes
from sparse3d.engine.build_model import build_model
from sparse3d.engine.checkpoint_config import open_with_config
from sparse3d.errors import ConfigError, DataError
from sparse3d.stored_config import TAKEN, stored_config
from sparse3d.structures.point_statistics import META_KEY
from sparse3d.version import __version__

CARD = 'README.md'
PICTURE_FORMATS = ('.png', '.jpg', '.jpeg', '.gif', '.webp')
FEW_METRICS = 12


@dataclass(frozen=True)
class CardFacts:
    """What a model card says beside the model.

    Attributes:
        license: of the weights, as the hub names it (``'apache-2.0'``); data often binds it.
        data: what they were trained on, in a sentence; None for what a result says.
        results: files of results/*.json, or that ``sparse3d test --out`` or ``compare`` wrote.
        pictures: files to show.
        notes: numbers and texts that go along inside the weights' file.
        text: more paragraphs, in Markdown.
        load_as: what ``load_detector`` calls the model; None for a repository of a hub.
    """

    license: str
    data: str | None = None
    results: Sequence[str | PathLike] = ()
    pictures: Sequence[str | PathLike] = ()
    notes: Mapping[str, Any] = field(default_factory=dict)
    text: str | None = None
    load_as: str | None = None


def publish(config: str | PathLike | None, checkpoint: str | PathLike, folder: str | PathLike,
            facts: CardFacts) -> Path:
    """Write the folder of a model, ready for ``huggingface-cli upload``.

    Args:
        config: path or bare name; None for the one that the checkpoint holds or names.
        checkpoint: its weights.
        folder: to make; nothing is left there where something fails.
        facts: for the model card.

    Returns:
        The folder.

    Raises:
        ConfigError: if the folder holds something, the config is more than data, or a result is
            of another config.
        CheckpointError: as for any checkpoint.
        DataError: if a result or a picture cannot be read.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f'{folder} is there already; name a new folder, or remove it first')
    check_place(folder)
    opened = open_checkpoint(checkpoint)
    loaded, _ = open_with_config(config, opened)
    name = Path(loaded.filename or opened.path).stem
    tables = results_of(facts.results, name)
    pictures = _pictures(facts.pictures)
    text = config_text(loaded)
    model = build_model(loaded, opened)  # with exactly its weights, or it raises
    with atomic_folder(folder) as temporary:
        write_bytes_atomically(temporary / WEIGHTS, safetensors_bytes(
            model.state_dict(), {**_note(opened), **facts.notes}))
        write_bytes_atomically(temporary / CONFIG, text.encode())
        for picture in pictures:
            write_bytes_atomically(temporary / picture.name, picture.read_bytes())
        parameters = sum(value.numel() for value in model.parameters())
        write_bytes_atomically(temporary / CARD, model_card(
            name, facts, tables, [picture.name for picture in pictures], parameters).encode())
        write_bytes_atomically(temporary / SUMS, ''.join(
            f'{sum_of(path)}  {path.name}\n' for path in sorted(temporary.iterdir())).encode())
    return folder


def config_text(config: Any) -> str:
    """What a config says of the model, as assignments of literals.

    Raises:
        ConfigError: if it names a type that is not registered, or holds more than data.
    """
    plain = config.to_dict()
    dataset = plain.get('test_dataloader', {}).get('dataset', {})
    while 'pipeline' not in dataset and 'dataset' in dataset:
        dataset = dataset['dataset']
    plain.setdefault('test_pipeline', dataset.get('pipeline', []))
    plain['test_pipeline'] = dataset.get('pipeline', plain['test_pipeline'])
    plain['class_names'] = (dataset.get('metainfo') or {}).get('classes') or plain.get(
        'class_names')
    if 'frames' in dataset:
        plain['frames'] = dataset['frames']
    lines = [f'{key} = {plain[key]!r}' for key in TAKEN if plain.get(key) is not None]
    stored_config('\n'.join(lines))  # what will be asked of it when it is loaded
    return '\n'.join([f'# Written by Sparse3D {__version__}; read as data, never run.', *lines, ''])


def results_of(files: Sequence[str | PathLike], config: str) -> list[dict[str, Any]]:
    """The runs of a config in result files: ``metrics``, ``command``, ``data`` and the like.

    Raises:
        DataError: if a file cannot be read or is none of results.
        ConfigError: if it holds no run of this config.
    """
    found = []
    for path in files:
        try:
            content = json.loads(Path(path).read_text())
        except (OSError, ValueError) as error:
            raise DataError(f'the result {path} cannot be read: {error}') from error
        runs = content.get('runs', [content]) if isinstance(content, dict) else []
        known = [run for run in runs if isinstance(run, dict) and isinstance(
            run.get('metrics'), dict)]
        if not known:
            raise DataError(f'{path} holds no metrics; give a file of results/ or one that '
                            f'"sparse3d test --out" wrote')
        own = [run for run in known if Path(str(run.get('config') or config)).stem == config]
        if not own:
            names = sorted({Path(str(run['config'])).stem for run in known})
            raise ConfigError(f'{path} holds results of {", ".join(names)}, not of {config}')
        shared = {key: content[key] for key in ('data', 'command') if key in content}
        found += [{**shared, **run} for run in own]
    return found


def model_card(name: str, facts: CardFacts, results: Sequence[Mapping[str, Any]],
               pictures: Sequence[str], parameters: int) -> str:
    """The text of the model card, with the head that the hub reads."""
    head = [f'license: {facts.license}', 'library_name: sparse3d',
            'pipeline_tag: object-detection', 'tags: [3d-object-detection, sparse3d]']
    lines = ['---', *head, '---', '', f'# {name}', '',
             f'A detector of [Sparse3D](https://pypi.org/project/sparse3d-perception/) '
             f'{__version__}, {parameters / 1e6:.2f} million parameters.', '',
             '```python', 'from sparse3d.apis import load_detector',
             f"detector = load_detector('{facts.load_as}')" if facts.load_as else
             "detector = load_detector('hf://ORGANIZATION/NAME')  # where this repository lies",
             'detections = detector(points)  # (N, C) float32, LiDAR frame', '```', '']
    data = facts.data or next((str(run['data']) for run in results if run.get('data')), None)
    lines += ['## Data', '', data or 'Not said by who published it.', '']
    lines += [facts.text, ''] if facts.text else []
    for run in results:
        lines += _result_lines(run)
    if pictures:
        lines += ['## Pictures', '', *(f'![{picture}]({picture})' for picture in pictures), '']
    lines += ['## Licence', '',
              f'{facts.license}. What the data allow may bind the weights further.', '']
    return '\n'.join(lines)


def _result_lines(run: Mapping[str, Any]) -> list[str]:
    numbers = {name: value for name, value in run['metrics'].items()
               if isinstance(value, int | float)}
    shown = dict(list(numbers.items())[:FEW_METRICS])
    about = [f'{key}: `{run[key]}`' for key in ('command', 'config', 'seed', 'commit', 'device',
                                               'torch', 'date') if run.get(key) is not None]
    more = len(numbers) - len(shown)
    return ['## Result', '', '| metric | value |', '|---|---:|',
            *(f'| {name} | {value:.4g} |' for name, value in shown.items()), '',
            *([f'{more} more in the file of the result.', ''] if more else []),
            '; '.join(about), '']


def _note(opened: Checkpoint) -> dict[str, Any]:
    """What of a checkpoint's meta goes along: the statistics of the training's points."""
    statistics = opened.meta.get(META_KEY)
    note: dict[str, Any] = {'sparse3d': __version__}
    if statistics is not None:
        with suppress(TypeError):
            note[META_KEY] = json.loads(json.dumps(statistics))
    if opened.options:
        note['config_options'] = json.loads(json.dumps(dict(opened.options)))
    return note


def _pictures(files: Sequence[str | PathLike]) -> list[Path]:
    paths = [Path(path) for path in files]
    for path in paths:
        if not path.is_file() or path.suffix.lower() not in PICTURE_FORMATS:
            raise DataError(f'{path} is no picture ({", ".join(PICTURE_FORMATS)})')
    if len({path.name for path in paths}) < len(paths):
        raise DataError('two pictures have one name; rename one of them')
    return paths
