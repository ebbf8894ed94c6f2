"""Argument objects of the center heads of SAFDNet and HEDNet."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sparse3d.errors import ConfigError

CODE_WEIGHTS = (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.2, 0.2)


@dataclass(frozen=True)
class BranchOptions:
    """What the head says of a cell beside heat, place, size and heading.

    Attributes:
        velocity: whether there is a branch for it.
        iou: whether there is one for the overlap with the true box.
        dilate: of a sparse map: whether neighbors of its cells take part too, as released.
        channels: of a dense map: width of the branches.
        momentum: of the batch normalizations.
    """

    velocity: bool = False
    iou: bool = False
    dilate: bool = True
    channels: int = 64
    momentum: float = 0.01

    def outputs(self, num_classes: int) -> dict[str, int]:
        """Numbers of each branch of a task."""
        more = dict(vel=2) if self.velocity else {}
        return {**BOX_OUTPUTS, **more, **(dict(iou=1) if self.iou else {}), 'heatmap': num_classes}


BOX_OUTPUTS = dict(center=2, center_z=1, dim=3, rot=2)  # in the order of the code; rot: cos, sin


@dataclass(frozen=True)
class TargetOptions:
    """Which objects teach which cells.

    Attributes:
        max_objects: objects of a sample and a task that are trained on.
        gaussian_overlap, min_radius: of the Gaussians in the heat.
        around_nearest: heat as VoxelNeXt (CVPR 2023) draws it: the higher of two Gaussians, around
            the center and around the nearest cell, without an end, so that every object has a
            cell of heat 1. Without it heat is scaled to 1 at the nearest cell and ends at the
            radius; an object too far from all cells has none.
    """

    max_objects: int = 500
    gaussian_overlap: float = 0.1
    min_radius: int = 2
    around_nearest: bool = False


@dataclass(frozen=True)
class LossOptions:
    """Weights of the losses.

    Attributes:
        heat_weight: of the heat.
        box_weight: of the codes of boxes.
        code_weights: of their numbers: x, y, z, three sizes, cos, sin, vx, vy.
        iou_weight: of the predicted overlap.
    """

    heat_weight: float = 1.0
    box_weight: float = 2.0
    code_weights: Sequence[float] = CODE_WEIGHTS
    iou_weight: float = 1.0


@dataclass(frozen=True)
class DetectionOptions:
    """What is kept of the cells.

    Attributes:
        max_candidates: cells of a task that become boxes.
        score_threshold: of the heat, before it is corrected by the overlap.
        center_range: boxes with their center outside are dropped, meters.
        rectifier: weight of the predicted overlap in the score, for each class of all tasks.
        iou_threshold: overlap in BEV above which the lower box goes: a number for all classes
            of a task together, or one for each class of all tasks.
        nms_pre, nms_post: boxes of a task (of a class) before and after suppression.
    """

    center_range: Sequence[float]
    max_candidates: int = 500
    score_threshold: float = 0.1
    rectifier: Sequence[float] = ()
    iou_threshold: float | Sequence[float] = 0.2
    nms_pre: int = 1000
    nms_post: int = 83

    def check(self, num_classes: int, owner: str, iou: bool) -> None:
        """Refuse numbers for other classes than there are."""
        lists = dict(rectifier=self.rectifier if iou or self.rectifier else None,
                     iou_threshold=self.iou_threshold)
        for name, values in lists.items():
            if isinstance(values, Sequence) and len(values) != num_classes:
                raise ConfigError(f'{name} of {owner} has {len(values)} numbers for {num_classes} '
                                  'classes: give one for each class')
        if self.rectifier and not iou:
            raise ConfigError(f'{owner} has a rectifier of the score and no branch for the overlap:'
                              ' set branches.iou=True or leave it out')
