"""What the released Sparse4D does otherwise, for its weights."""
from __future__ import annotations

from dataclasses import dataclass

from sparse3d.published import PublishedSet, quirk


@dataclass(frozen=True)
class Sparse4DPublished(PublishedSet):
    """Quirks of the released Sparse4D; all off for a new training."""

    swapped_yaw: bool = quirk(
        False, 'the cached (sin, cos) come back as (cos, sin) after they are turned into the '
        'present frame (v3)', 'they stay in their places')
    noisy_key_points: bool = quirk(
        False, 'the seven fixed key points start as noise, and stay it (v3)',
        'the center and six points on the axes')
    stale_keys: bool = quirk(
        False, 'after a change of scene queries attend to instances of the scene before, and the '
        'first rows take over its confidences', 'a sample of another scene starts afresh')
    scenes_by_time: bool = quirk(
        False, 'a scene ends where more than two seconds pass, and nowhere else',
        'it ends where its name changes, too')
    unsorted_class_scores: bool = quirk(
        False, 'class scores keep the order they had before the quality was multiplied in, so '
        'that tracks are chosen by the scores of other boxes', 'they are sorted with their boxes')
    grid_sample_border: bool = quirk(
        False, 'points up to half a cell outside an image are read (v1)',
        'a point counts strictly inside')
    ids_restart: bool = quirk(
        False, 'identities count from 0 again when the size of the batch changes',
        'they go on')
    constant_interval: bool = quirk(
        False, 'velocities are refined as if half a second had passed, always (v1)',
        'by the time since the last frame')
    num_anchors: int | None = quirk(
        None, 'the number of learned anchors, where a file has another one than its config; as '
        'large a part of them passes to the next frame', 'that of the config')
    unknown_velocity_costs: bool = quirk(
        False, 'in training an object of unknown velocity is matched with any instance',
        'an unknown velocity costs nothing',
        switches={'model.training.matching.published_unknown_velocities': True})
