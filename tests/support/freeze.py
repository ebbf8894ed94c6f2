"""Proof that a change of the house changes no model.

    python tests/support/freeze.py record before.json.gz
    ... move files, rename, write the renames down in docs/renames.csv ...
    python tests/support/freeze.py compare before.json.gz

``record`` keeps for every config: names and shapes of parameters and buffers, the optimizer's
groups as built, and the predictions and losses of a tiny batch under weights that follow from each
parameter's first name and shape. ``compare`` measures the same again and lists what differs.

Configs whose models are equal run once. Each model has a process of its own; a pass that takes
more than a minute of the processor or 8 GiB is skipped, and the record says so. Both commands
continue where they were interrupted, as long as no source has changed; what ``compare`` measured
lies beside the record.
"""
from __future__ import annotations

import argparse
import fnmatch
import gzip
import hashlib
import importlib
import json
import multiprocessing
import os
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
CONFIGS, RENAMES = REPOSITORY / 'configs', REPOSITORY / 'docs' / 'renames.csv'
# One thread, and BLAS that does not choose its sums by where an array happens to lie.
ENVIRONMENT = {'OMP_NUM_THREADS': '1', 'MKL_NUM_THREADS': '1', 'MKL_CBWR': 'AVX2'}
if __name__ == '__main__':  # before torch is imported
    os.environ.update(ENVIRONMENT)
    sys.path.insert(0, str(REPOSITORY / 'projects'))

import torch  # noqa: E402

import freeze_model  # noqa: E402
from freeze_batch import describe_batch  # noqa: E402
from freeze_difference import differences, matched  # noqa: E402
from renames import Renames  # noqa: E402

FORMAT = 1


def find(name: str) -> Any:
    """Something of Sparse3D by its name, wherever the house keeps it."""
    places = dict(
        load_config=('sparse3d.engine.load_config', 'sparse3d.engine.load_config', 'sparse3d.apis'),
        Keypoints3D=('sparse3d.structures.keypoints', 'sparse3d.structures'))
    for place in places[name]:
        try:
            return getattr(importlib.import_module(place), name)
        except (ModuleNotFoundError, AttributeError) as error:
            if isinstance(error, ModuleNotFoundError) and not place.startswith(str(error.name)):
                raise  # the module is there, something that it imports is not
    raise ImportError(f'{name} is in none of {", ".join(places[name])}; name its new place here')


@dataclass
class Options:
    """How to measure.

    Attributes:
        configs: folder; all files in it are leaves but those below ``_base_``.
        only: pattern of names, of configs in the folder; or a part of the name.
        seconds: of the processor that a pass may take.
        gibibytes: that the process of a model may take.
    """

    configs: Path = CONFIGS
    only: str | None = None
    seconds: float = 60.0
    gibibytes: float = 8.0

    def names(self) -> list[str]:
        """Names of the configs chosen: path in the folder, without ``.py``."""
        paths = (path.relative_to(self.configs) for path in sorted(self.configs.rglob('*.py'))
                 if path.stem != '__init__')
        names = [path.with_suffix('').as_posix() for path in paths if '_base_' not in path.parts]
        return [name for name in names if self.only is None or self.only in name
                or fnmatch.fnmatch(name, self.only)]


@dataclass
class Model:
    """Configs that build one model, in all the same ways."""

    key: str
    settings: dict
    batch: dict[str, Any]
    reference: dict | None                                  # the record's model
    configs: list[str] = field(default_factory=list)
    optimizers: dict[str, dict] = field(default_factory=dict)  # by key


def record(out: Path, options: Options, renames: Renames, reference: dict | None = None) -> dict:
    """Measure all configs chosen into a file, which grows model by model.

    Args:
        out: continued if it was made from the same sources, else refused.
        options: how to measure.
        renames: up to now.
        reference: a record; batches, and names that weights follow from, are then its.
    """
    stored = _continued(out, _fingerprint(options.configs, reference))
    models = _models(stored, options, renames, reference)
    waiting = [model for model in models if model.key not in stored['models'] or any(
        key not in stored['optimizers'] for key in model.optimizers)]
    if len(models) > len(waiting):
        print(f'{len(models) - len(waiting)} of {len(models)} models are in {out}', flush=True)
    for number, model in enumerate(waiting, start=1):
        started = time.monotonic()
        measured, optimizers = _in_own_process(model, options, renames)
        measured['seconds'] = round(time.monotonic() - started, 1)
        stored['models'][model.key] = measured
        stored['optimizers'].update(optimizers)
        _write(out, stored)
        print(f'[{number:2d}/{len(waiting)}] {measured["seconds"]:6.1f} s  '
              f'{_summary(model, measured)}', flush=True)
    _write(out, stored)
    return stored


def compare(path: Path, options: Options, renames: Renames, tolerance: float = 0.0,
            ) -> dict[str, list[str]]:
    """Config of the record -> what differs now; see :func:`freeze_difference.differences`."""
    before = read(path)
    unmeasured = [name for name, entry in before['configs'].items() if 'error' not in entry
                  and (entry['model'] not in before['models'] or entry['optimizer'] and
                       entry['optimizer'] not in before['optimizers'])]
    for name in unmeasured:  # the record was interrupted
        del before['configs'][name]
    if unmeasured:
        print(f'the record is unfinished: {len(unmeasured)} of its configs are not compared')
    measured = path.with_name(path.name.removesuffix('.json.gz') + '.compared.json.gz')
    if measured.is_file() and read(measured)['sources'] != _fingerprint(options.configs, before):
        measured.unlink()  # of other sources, and quickly made again
    now = record(measured, options, renames, before)
    for key in ('torch', 'processor'):
        if before[key] != now[key]:
            print(f'recorded with {key} {before[key]}, compared with {now[key]}: numbers may '
                  'differ by rounding')
    names = set(options.names())
    now['configs'] = {name: entry for name, entry in now['configs'].items() if name in names}
    if options.only is not None:
        kept = _configs_before(before, list(now['configs']), renames)
        before['configs'] = {name: entry for name, entry in before['configs'].items()
                             if name in kept.values()}
    return differences(before, now, renames, tolerance)


def read(path: Path) -> dict:
    """A record, read from its file."""
    with gzip.open(path, 'rt', encoding='utf-8') as file:
        stored = json.load(file)
    if stored.get('format') != FORMAT:
        raise SystemExit(f'{path} has format {stored.get("format")}, not {FORMAT}; record it again')
    return stored


def _write(path: Path, stored: dict) -> None:
    unfinished = path.with_name(f'.{path.name}.{os.getpid()}')
    with gzip.open(unfinished, 'wt', encoding='utf-8', compresslevel=5) as file:
        json.dump(stored, file)
    unfinished.replace(path)


def _continued(path: Path, sources: str) -> dict:
    if not path.is_file():
        return dict(format=FORMAT, sources=sources, torch=torch.__version__,
                    processor=torch.backends.cpu.get_cpu_capability(),
                    configs={}, models={}, optimizers={})
    stored = read(path)
    if stored['sources'] != sources:
        raise SystemExit(f'{path} was recorded from other sources than those of now; record into '
                         'another file, or remove it first')
    return stored


def _fingerprint(configs: Path, reference: dict | None) -> str:
    digest = hashlib.sha256(json.dumps(reference).encode() if reference else b'')
    folders = (REPOSITORY / 'projects', configs, Path(__file__).parent)
    for path in sorted(path for folder in folders for path in folder.rglob('*.py')):
        digest.update(path.as_posix().encode() + path.read_bytes())
    digest.update(RENAMES.read_bytes() if RENAMES.is_file() else b'')
    return digest.hexdigest()


def _models(stored: dict, options: Options, renames: Renames, reference: dict | None,
            ) -> list[Model]:
    """The distinct models of all configs chosen; notes in ``stored`` which config has which."""
    names = options.names()
    before = {} if reference is None else _configs_before(reference, names, renames)
    models: dict[str, Model] = {}
    for name in names:
        entry = dict(original=renames.original('config', name))
        stored['configs'][name] = entry
        try:
            config = find('load_config')(options.configs / f'{name}.py')
        except Exception as error:
            entry['error'] = f'{type(error).__name__}: {error}'
            print(f'{name} cannot be loaded: {entry["error"]}', flush=True)
            continue
        known = reference['configs'][before[name]] if name in before else {}
        recorded = reference['models'][known['model']] if known.get('model') else None
        batch = (recorded or {}).get('batch') or describe_batch(config, name)
        settings = config.model.to_dict()
        key = _key(settings, batch, known.get('model'))
        model = models.setdefault(key, Model(key, settings, batch, recorded))
        model.configs.append(name)
        entry.update(model=key, optimizer=None)
        if config.get('optim_wrapper'):
            wrapper = config.optim_wrapper.to_dict()
            entry['optimizer'] = _key(key, wrapper)
            model.optimizers[entry['optimizer']] = wrapper
    return list(models.values())


def _configs_before(reference: dict, names: list[str], renames: Renames) -> dict[str, str]:
    """Config of now -> config of the record."""
    originals = {name: entry['original'] for name, entry in reference['configs'].items()}
    return {now: name for name, now in renames.match('config', originals, names).items()}


def _key(*values: Any) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _in_own_process(model: Model, options: Options, renames: Renames) -> tuple[dict, dict]:
    """What the model is and says, and its optimizers."""
    context = multiprocessing.get_context('fork')  # sparse3d is imported already
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_measure, args=(sender, model, options, renames))
    process.start()
    sender.close()
    measured, optimizers = dict(error='its process died'), {}
    try:
        measured, optimizers = receiver.recv()
        measured['passes'] = receiver.recv()
        if 'found' in measured['passes']:
            measured['batch'] = dict(model.batch, found=measured['passes'].pop('found'))
    except EOFError:
        pass
    process.join()
    if 'error' not in measured and 'passes' not in measured:
        measured['passes'] = dict(skipped=f'the process died with code {process.exitcode}')
    return measured, optimizers


def _measure(sender: Any, model: Model, options: Options, renames: Renames) -> None:
    freeze_model.prepare_process(options.gibibytes)
    try:
        built = freeze_model.build(model.settings)
        measured = dict(parameters=freeze_model.parameters_of(built),
                        buffers=freeze_model.buffers_of(built), batch=model.batch)
        measured['originals'] = _originals(measured, model.reference, renames)
        optimizers = {key: freeze_model.optimizer_of(built, wrapper)
                      for key, wrapper in model.optimizers.items()}
        freeze_model.set_weights(built, measured['originals'])
    except Exception as error:
        traceback.print_exc()
        sender.send((dict(error=f'{type(error).__name__}: {error}'), {}))
        return
    sender.send((measured, optimizers))
    skipped = ((model.reference or {}).get('passes') or {}).get('skipped')
    if skipped and 'predictions' not in model.reference['passes']:
        sender.send(dict(skipped=skipped))
        return
    try:
        keypoints = find('Keypoints3D') if model.batch['keypoints'] else None
        sender.send(freeze_model.run_passes(built, model.batch, options.seconds, keypoints))
    except Exception as error:
        traceback.print_exc()
        sender.send(dict(skipped=f'{type(error).__name__}: {error}'))


def _originals(measured: dict, reference: dict | None, renames: Renames) -> dict[str, str]:
    """First names of parameters and buffers, where these are others; the record knows them best."""
    originals = {}
    for kind in ('parameter', 'buffer'):
        originals.update({name: renames.original('parameter', name)
                          for name in measured[f'{kind}s']})
        if reference is not None:
            originals.update({now: reference['originals'].get(name, name) for name, now in
                              matched(kind, reference, measured, renames).items()})
    return {name: original for name, original in originals.items() if name != original}


def _summary(model: Model, measured: dict) -> str:
    more = f' and {len(model.configs) - 1} more' if len(model.configs) > 1 else ''
    name = model.configs[0] + more
    if 'error' in measured:
        return f'{name}: NOT BUILT, {measured["error"]}'
    passes = measured['passes']
    parts = [f'{len(measured["parameters"])} parameters']
    if 'predictions' in passes:
        count = max((value['shape'][0] for value in passes['predictions'].values()), default=0)
        parts.append(f'{count} detections' if count else 'NO DETECTION')
    if 'losses' in passes:
        parts.append(f'{len(passes["losses"])} losses')
        idle = [name for name, value in passes['losses'].items() if not any(value['values'])]
        parts += [f'ZERO {", ".join(idle)}'] if idle else []
    if 'skipped' in passes:
        parts.append(f'SKIPPED, {passes["skipped"]}')
    return f'{name}: {", ".join(parts)}'


def report(found: dict[str, list[str]]) -> Iterator[str]:
    """Lines about every config; those with one list of differences stand together."""
    same: dict[tuple, list[str]] = {}
    for name, sentences in found.items():
        same.setdefault(tuple(sentences), []).append(name)
    yield from (f'equal    {name}' for name in same.pop((), []))
    for sentences, names in same.items():
        yield from (f'differs  {name}' for name in names)
        yield from (f'             {sentence}' for sentence in sentences)
    differing = sum(map(bool, found.values()))
    yield f'{len(found) - differing} configs are equal, {differing} differ'


def main(arguments: list[str] | None = None) -> int:
    """The command; 1 if something differs or could not be measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('what', choices=['record', 'compare'])
    parser.add_argument('file', type=Path, metavar='OUT.json.gz')
    parser.add_argument('--only', metavar='PATTERN', help='configs to take, as dsvt/* or waymo')
    parser.add_argument('--tolerance', type=float, default=0.0,
                        help='of numbers, as a part of the largest value (default: bit for bit)')
    parser.add_argument('--configs', type=Path, default=CONFIGS, help='folder of the configs')
    parser.add_argument('--seconds', type=float, default=60.0, help='that a pass may take')
    parser.add_argument('--gibibytes', type=float, default=8.0, help='that a model may take')
    given = parser.parse_args(arguments)
    options = Options(given.configs.resolve(), given.only, given.seconds, given.gibibytes)
    renames = Renames.read(RENAMES)
    if given.what == 'compare':
        found = compare(given.file, options, renames, given.tolerance)
        print(*report(found), sep='\n')
        return int(any(found.values()))
    stored = record(given.file, options, renames)
    failed = [name for name, entry in stored['configs'].items()
              if 'error' in entry or 'error' in stored['models'][entry['model']]]
    print(f'{len(stored["configs"])} configs, {len(stored["models"])} models, '
          f'{sum(model["seconds"] for model in stored["models"].values()):.0f} s in all; '
          f'{len(failed)} configs could not be measured')
    return int(bool(failed))


if __name__ == '__main__':
    sys.exit(main())
