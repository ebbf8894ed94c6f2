"""Points in labeled boxes, counted where the files do not say (format 1.0 of Waymo)."""
from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from sparse3d.datasets.waymo.frame import TOP, WaymoFrame
from sparse3d.datasets.waymo.prepare.points import frame_points
from sparse3d.errors import DataError
from sparse3d.structures.box_conversions import center_to_lidar
from sparse3d.structures.box_geometry import points_in_box


def with_point_counts(frames: Iterable[WaymoFrame], where: str) -> Iterator[WaymoFrame]:
    """The frames of a segment, their objects' points counted if the labels give no count.

    Objects without a point are not trained on, so that all labels of a file without counts would
    vanish. A segment that gives a count for any object is taken as it is from there on.

    Args:
        frames: of one segment.
        where: the segment, for messages.

    Raises:
        DataError: if labels give no counts, and there is no LiDAR to count in.
    """
    given, uncounted = False, 0
    for frame in frames:
        given = given or bool((frame.objects.num_points > 0).any())
        if given or not len(frame.objects):
            yield frame
        elif frame.scans:
            yield _counted(frame)
        else:
            uncounted += 1
            yield frame
    if uncounted and not given:
        raise DataError(f'{where}: the labels of {uncounted} frames give no point counts, and '
                        f'there is no LiDAR to count in; fetch version 1.2 or later, or the LiDAR')


def _counted(frame: WaymoFrame) -> WaymoFrame:
    points = frame_points(frame)
    boxes = center_to_lidar(frame.objects.boxes)
    num_points, num_top_points = frame.objects.num_points.copy(), frame.objects.num_points.copy()
    for row, box in enumerate(boxes):
        inside = points_in_box(points.xyz, box)
        num_points[row], num_top_points[row] = len(inside), (points.lidar[inside] == TOP).sum()
    objects = replace(frame.objects, num_points=num_points, num_top_points=num_top_points)
    return replace(frame, objects=objects, counted=True)
