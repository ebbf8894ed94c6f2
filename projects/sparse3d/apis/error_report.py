"""Sections of the report of an analysis: numbers, curves, mistakes, frames."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from sparse3d.apis.frame_mistakes import object_kinds
from sparse3d.metrics.detection_errors import (
    CLASS,
    FOUND,
    IGNORED,
    KINDS,
    MISPLACED,
    MISSED,
    FrameErrors,
    by_distance,
    by_points,
    by_size,
    confusion,
)
from sparse3d.metrics.score_curves import Difference
from sparse3d.visualization.colors import LIGHT, class_colors
from sparse3d.visualization.error_view import draw_errors
from sparse3d.visualization.html_report import HtmlReport
from sparse3d.visualization.picture_files import as_text

LINES = ('solid', (0, (5, 2)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)))


def write_benchmark(report: HtmlReport, sets: Sequence[Any]) -> None:
    """The benchmark's own numbers of each set of detections, all of them folded away below."""
    report.section('Benchmark', 'As test.py prints them: the evaluator of the config, with its '
                   'own matching and all that it ignores left out.')
    for made in sets:
        scores = made.benchmark
        if len(sets) > 1:
            report.heading(made.title)
        if scores.note:
            report.text(f'{scores.note[0].upper()}{scores.note[1:]}.')
        if not scores.values:
            continue
        head, rows = scores.tables(made.names)
        rows = [[scores.text(cell) for cell in row] for row in rows]
        overall = {name: scores.text(value) for name, value in scores.of_all.items()
                   if name in ('NDS', 'mAP') or not rows}
        if overall:
            report.tiles(overall)
        if rows:
            report.table(head, rows)
        report.folded('All numbers of the benchmark', ['', ''],
                      [[name, scores.text(value)] for name, value in scores.values.items()])


def write_curves(report: HtmlReport, sets: Sequence[Any]) -> None:
    """Precision along recall of each class, and the best threshold."""
    first = sets[0]
    rules = [f'{name}: {rule}' for name, rule in zip(first.names, first.rules, strict=False)]
    report.section('Precision and recall', f'A detection is right by: '
                   f'{"; ".join(rules) or "BEV IoU at least 0.5"}. What the benchmark ignores is '
                   f'left out of curves, tables and mistakes. The average precision here is the '
                   f'mean over 40 recall positions of these curves, with all difficulties '
                   f'together; it is not the benchmark\'s.')
    figure = Figure(figsize=(7, 4.2), layout='constrained')
    axes = figure.add_subplot(xlim=(0, 1), ylim=(0, 1.02), xlabel='recall', ylabel='precision')
    rows, marked = [], False
    for line, made in zip(LINES, sets, strict=False):
        counted = zip(made.names, class_colors(made.names, LIGHT), made.ranked(), strict=True)
        for name, color, ranked in counted:
            if not ranked.objects.sum():
                continue
            title = name if len(sets) == 1 else f'{name}, {made.title}'
            recall, precision = ranked.curve()
            axes.step([0, *recall], [*(precision[:1] if len(precision) else [0]), *precision],
                      where='post',
                      label=as_text(title), linewidth=1.8, color=color, linestyle=line)
            best = ranked.best_threshold()
            if best is not None:
                axes.plot(best.recall / 100, best.precision / 100, 'o', color=color, markersize=5,
                          clip_on=False)
                marked = True
            rows.append([title, int(ranked.objects.sum()), len(ranked.scores),
                         ranked.average_precision(),
                         *((best.score, best.precision, best.recall, best.f1) if best
                           else (float('nan'),) * 4)])
    axes.grid(alpha=0.25)
    if rows:
        axes.legend(frameon=False, fontsize=8)
    report.chart(figure)
    if marked:
        report.text('Dots: the score threshold with the best F1.')
    report.table(['', 'objects', 'detections', 'AP', 'best threshold', 'precision', 'recall', 'F1'],
                 rows)


def write_mistakes(report: HtmlReport, sets: Sequence[Any]) -> None:
    """Kinds of mistakes in all and by class, parts of the objects, confusion."""
    report.section('Mistakes', 'A misplaced detection touches an object of its class; a wrong '
                   'heading is off by more than 90 degrees. Ignored detections, and ignored '
                   'objects, are those that the benchmark does not count.')
    kinds = [*KINDS, MISSED]
    head = [*kinds, 'ignored detections', 'ignored objects']
    ignored = [[sum(int((getattr(errors, part) == IGNORED).sum()) for _, _, errors in made.shown)
                for part in ('detections', 'gt')] for made in sets]
    if len(sets) == 1:
        report.table(head, [[*(sets[0].count(kind) for kind in kinds), *ignored[0]]])
    else:
        report.table(['', *head], [[made.title, *(made.count(kind) for kind in kinds), *out]
                                   for made, out in zip(sets, ignored, strict=True)])
    for made in sets:
        ending = f': {made.title}' if len(sets) > 1 else ''
        report.heading(f'By class{ending}')
        report.table(['', 'objects', *kinds], [
            [name, *_of_class(made, label)] for label, name in enumerate(made.names)])
        for title, bins in (('By distance', by_distance(made.shown)),
                            ('By points on the object (occlusion)', by_points(made.shown)),
                            ('By size', by_size(made.shown))):
            report.heading(title + ending)
            report.table(['', 'objects', 'recall', 'precision'],
                         [[item.name, item.objects, item.recall, item.precision]
                          for item in bins])
        report.heading(f'Confusion{ending}')
        report.text('Rows: what it is. Columns: what it was taken for; missed objects were taken '
                    'for background.')
        table = confusion(made.shown, len(made.names))
        report.table(['', *made.names, 'missed'], [
            [name, *table[row].tolist()[:-1],
             '' if name == 'background' else int(table[row, -1])]
            for row, name in enumerate([*made.names, 'background'])])


def write_frames(report: HtmlReport, made: Any, out: Path, prefix: str = '') -> None:
    """Pictures of the worst and of the best frames, with every mistake named."""
    from sparse3d.transforms.data_paths import file_name
    for kind, pairs in (('Worst', made.worst), ('Best', made.best)):
        paths, captions = [], []
        for errors, frame in pairs:
            paths.append(out / f'{prefix}{kind.lower()}_{file_name(frame.name)}.png')
            draw_errors(frame, errors.detections, object_kinds(errors).tolist(), paths[-1])
            captions.append(f'frame {frame.name}: {_told(errors)}')
        if paths:
            (report.heading if prefix else report.section)(f'{kind} frames')
            report.pictures(paths, captions)


def _told(errors: FrameErrors) -> str:
    """The mistakes of a frame in words."""
    missed = f'{errors.count(MISSED)} missed'
    kinds = object_kinds(errors)
    seen = [f'{count} {words}' for kind, words in (
        (CLASS, 'taken for another class'), (MISPLACED, 'found in another place'))
        if (count := int((kinds == kind).sum()))]
    if seen:
        missed += f' (of them {", ".join(seen)})'
    parts = [missed, *(f'{errors.count(kind)} {kind}' for kind in KINDS[1:] if errors.count(kind)),
             f'{errors.count(FOUND)} found']
    return f'{errors.mistakes} mistakes; {", ".join(parts)}'


def write_comparison(report: HtmlReport, one: Any, other: Any,
                     differences: Sequence[Difference]) -> None:
    """Average precision of two sets of detections beside each other, frame by frame too."""
    report.section('Comparison', f'A: {one.title}. B: {other.title}. The same '
                   f'{len(one.frame_names)} frames. The interval holds the difference in 95 % of '
                   f'1000 draws of frames (paired bootstrap); frames of one drive are alike, so '
                   f'that it is rather too narrow.')
    report.table(['', 'AP of A', 'AP of B', 'B - A', '95 % from', 'to', ''], [
        [name, item.one, item.other, item.difference, item.low, item.high,
         ('B is better' if item.low > 0 else 'A is better') if item.certain else 'undecided']
        for name, item in zip([*one.names, 'mean'], differences, strict=True)])
    change = other.mistakes - one.mistakes
    order = np.argsort(change, kind='stable')
    report.text(f'B makes fewer mistakes in {int((change < 0).sum())} frames, more in '
                f'{int((change > 0).sum())}, as many in {int((change == 0).sum())}.')
    rows = [*order[:5], *order[::-1][:5][::-1]] if len(order) > 10 else order
    report.table(['frame', 'mistakes of A', 'mistakes of B'], [
        [one.frame_names[row], int(one.mistakes[row]), int(other.mistakes[row])] for row in rows])


def _of_class(made: Any, label: int) -> list[int]:
    counts = [0] * (len(KINDS) + 2)
    for predicted, labeled, errors in made.shown:
        own = np.asarray(labeled['labels']) == label
        counts[0] += int((own & (errors.gt != IGNORED)).sum())
        kinds = errors.detections[np.asarray(predicted['labels']) == label]
        for place, kind in enumerate(KINDS, 1):
            counts[place] += int((kinds == kind).sum())
        counts[-1] += int((own & (errors.gt == MISSED)).sum())
    return counts
