"""What the released SparseFusion does otherwise, for its weights."""
from __future__ import annotations

from dataclasses import dataclass

from sparse3d.published import PublishedSet, quirk

HEAD = 'model.bbox_head'


@dataclass(frozen=True)
class SparseFusionPublished(PublishedSet):
    """Quirks of the released SparseFusion; all off for a new training."""

    lone_query_zero: bool = quirk(
        False, 'a view with one camera candidate gives it zero features', 'its features',
        was={f'{HEAD}.published_lone_query_zero': True})
    padding: bool = quirk(
        False, 'padding counts as image: peaks may lie there, cells may be seen there in testing',
        'it does not', was={f'{HEAD}.published_padding': True})
    positions: bool = quirk(
        False, 'positions of camera candidates are fractions of 204 cells from -12 on, on any map',
        'fractions of the range of detections', was={f'{HEAD}.published_positions': True})
    squared_radius: bool = quirk(
        False, 'radii are compared with squared distances (0.35 is 0.59 m)', 'with distances',
        was={f'{HEAD}.suppression.published_squared_radius': True})
    zero_scores: bool = quirk(
        False, 'boxes without any score stay, labeled car', 'they go',
        was={f'{HEAD}.suppression.published_zero_scores': True})
    match_height: bool = quirk(
        False, 'camera candidates are matched by x and bottom y', 'by x and depth',
        was={f'{HEAD}.losses.published_match_height': True})
    frozen_statistics: bool = quirk(
        False, 'frozen batch normalizations use the statistics of the batch in training',
        'their own', was={'model.published_frozen_statistics': True})
    radii: tuple[float, ...] | None = quirk(
        None, 'radii of suppression, of each class, that go with squared_radius',
        'those of the config', was={f'{HEAD}.suppression.radii': ...})
