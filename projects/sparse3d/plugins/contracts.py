"""What a distribution offers: a plug-in, a data set, and what the parts of one are called with."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class RenamedNames:
    """Names that checkpoints hold and that were changed since, old to present.

    A plug-in's table counts for checkpoints whose stored config imports the plug-in, and for those
    that do not say what they import; so that another plug-in may use such a name for its own.

    Attributes:
        parameters: first parts of a weight's name; ``*`` is one part.
        types: names of registered classes.
        options_of_types: ``(present type, option)`` to option.
        options: ``'parent.option'`` to option: for what stands in no class of its own.
        moved_options: ``(present type, option)`` to ``'group.option'``, where a class has groups
            of arguments now (:mod:`sparse3d.argument_objects`).
        configs: bare names.
    """

    parameters: Mapping[str, str] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    options_of_types: Mapping[tuple[str, str], str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    moved_options: Mapping[tuple[str, str], str] = field(default_factory=dict)
    configs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ExportedGraph:
    """What an exporter says of one graph that it writes; the graph is held to it.

    Attributes:
        name: of the file, without its ending.
        summary: half a sentence.
        inputs: name to the lengths of its axes, a number or the word for one; a name may be a
            pattern (``'voxels_*'``) where a config says how many there are.
        outputs: the same.
        dynamic: words among the lengths that may change from call to call.
        opset: of ONNX's own operators.
        tolerance: largest difference from PyTorch, relative to the largest value of an output,
            or to 1.
        domains: of operators that are not ONNX's own; ``verify.py`` brings references of them.
    """

    name: str
    summary: str
    inputs: Mapping[str, tuple[int | str, ...]]
    outputs: Mapping[str, tuple[int | str, ...]]
    dynamic: tuple[str, ...] = ()
    opset: int = 18
    tolerance: float = 1e-3
    domains: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plugin:
    """What one detection method brings along.

    A reference is ``'module:attribute'``.

    Attributes:
        name: of the method; what ``convert-checkpoint`` and ``list`` call it.
        modules: imported to register the classes that configs name.
        configs: importable package whose files are the configs.
        convert: ``(published: Mapping, config: str | None) -> Conversion``, see
            :mod:`sparse3d.checkpoints.conversion`.
        published: the dataclass of its published quirks, a
            :class:`sparse3d.published.PublishedSet`; a converted checkpoint may set fields
            of it, as ``model.published``, and nothing else.
        benchmarks: name to ``(threads: int, repeats: int) -> list[dict]``: ``name``, ``value``,
            ``unit``, and if there are any ``baseline``, ``ratio``, ``note``; one dict a row.
        exporters: name to an :class:`Exporter`.
        exports: name of an exporter to what it says of its graphs.
        graph_hosts: name of an exporter to ``(detector, config, graphs) -> None``: lets a detector
            predict with the graphs (:data:`sparse3d.deploy.graph_host.Run` by name) in place of
            its PyTorch parts.
        not_exported: pattern of bare names of configs to what stops their export, a sentence
            without its beginning ("the RoI head ..."); such a config is refused with it.
        pictures: name to a :class:`PictureWriter`.
        point_values: name of pictures to a :class:`PointValues`, which fills the layer
            ``importance`` of pages, viewers and recordings.
        stream: ``(model, **options) -> stream``, for detectors of videos: frames go in one at a
            time, detections come out.
        trial_configs: bare names of configs whose models train a step anywhere in seconds, one
            for each kind of model: what ``gpu-check`` runs and whose waits are counted.
        sequence: ``(model) -> driver | None``, for detectors of videos: a driver's ``predict``
            stands in for the model's while a data set is detected in order; it owns what is kept
            from one sample to the next.
        renames: names in checkpoints that were changed since.
        docs: address or path of a page, which ``list plugins`` shows.
    """

    name: str
    modules: tuple[str, ...]
    configs: str | None = None
    convert: str | None = None
    published: str | None = None
    benchmarks: Mapping[str, str] = field(default_factory=dict)
    exporters: Mapping[str, str] = field(default_factory=dict)
    exports: Mapping[str, tuple[ExportedGraph, ...]] = field(default_factory=dict)
    graph_hosts: Mapping[str, str] = field(default_factory=dict)
    not_exported: Mapping[str, str] = field(default_factory=dict)
    pictures: Mapping[str, str] = field(default_factory=dict)
    point_values: Mapping[str, str] = field(default_factory=dict)
    stream: str | None = None
    trial_configs: tuple[str, ...] = ()
    sequence: str | None = None
    renames: RenamedNames = RenamedNames()
    docs: str = ''


@dataclass(frozen=True)
class DataSet:
    """What one data set can do; a reference is ``'module:attribute'``.

    Attributes:
        name: what ``create-data``, ``simulate`` and ``check`` call it.
        summary: half a sentence for ``--help``.
        modules: imported to register dataset, transforms, metric, and the formats of detections
            (:func:`sparse3d.structures.detection_formats.register_format`) and of result files
            (:func:`sparse3d.structures.result_files.register_results`).
        configs: importable package of configs that train on it.
        info_files: patterns of the info files below a data root, by which it is recognized.
        arguments: ``(parser) -> None``: arguments of ``create-data NAME``.
        prepare: ``(namespace) -> report``: what ``create-data NAME`` runs.
        propose: ``(root, out, overwrite) -> report``: what ``create-data config ROOT`` runs;
            writes a config for the data set in a folder.
        check: ``(folder: Path) -> CheckReport``; the folder is the one of the info files.
        upgrade: ``(old, path) -> (metainfo, entries, words) | None``: info files of older
            layouts; None where the file is not of this data set.
        simulate_arguments: ``(parser) -> None``: arguments of ``simulate NAME``.
        simulate: ``(namespace) -> str``: what ``simulate NAME`` runs; gives a closing line.
        crops: ``(root, workers) -> dict(objects=..., crops=...)``: objects of the database cut
            from images, for pasting.
        examples: command lines for ``--help``, each beginning with ``sparse3d create-data NAME``,
            ``sparse3d simulate NAME`` or ``sparse3d check``.
        renames: names in checkpoints that were changed since.
        docs: address or path of a page, which ``list datasets`` shows.
    """

    name: str
    summary: str = ''
    modules: tuple[str, ...] = ()
    configs: str | None = None
    info_files: tuple[str, ...] = ()
    arguments: str | None = None
    prepare: str | None = None
    propose: str | None = None
    check: str | None = None
    upgrade: str | None = None
    simulate_arguments: str | None = None
    simulate: str | None = None
    crops: str | None = None
    examples: tuple[str, ...] = ()
    renames: RenamedNames = RenamedNames()
    docs: str = ''


class PictureWriter(Protocol):
    """Writes a plug-in's own pictures of one sample."""

    def __call__(self, model: Any, batch: dict, frame: Any, folder: str | PathLike,
                 score_threshold: float) -> list[Path]:
        """Write the pictures; returns the files.

        Args:
            model: the detector in evaluation mode; gradients are off.
            batch: the one sample, collated.
            frame: a :class:`sparse3d.visualization.frame.Frame` of it.
            folder: for the files.
            score_threshold: detections below are left out.

        Raises:
            ConfigError: if the model is none that has such pictures.
        """


class PointValues(Protocol):
    """How much a detector makes of each point of a sample."""

    def __call__(self, model: Any, batch: dict, frame: Any) -> Any:
        """(N,) in 0..1, for ``frame.points``; arguments and errors as of :class:`PictureWriter`."""


class ExportReport(Protocol):
    """What an exporter did."""

    path: Path

    def sentences(self) -> list[str]:
        """What was written and how near it is to PyTorch, a sentence each."""


class Exporter(Protocol):
    """Writes the deployable part of a detector and compares it with PyTorch.

    :func:`sparse3d.deploy.export_folder.export_folder` does all but the graphs themselves.
    """

    def __call__(self, config: str | PathLike, checkpoint: str | PathLike | None,
                 out: str | PathLike, clouds: Sequence[str | PathLike],
                 cfg_options: dict[str, Any] | None) -> ExportReport:
        """Write ``out``, or nothing where the comparison fails."""
