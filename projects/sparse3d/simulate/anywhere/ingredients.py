"""What a simulated place and its sweeps consist of, each of which can be left out."""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

from sparse3d.errors import DataError


@dataclass(frozen=True)
class Ingredients:
    """What is there; all by default. The names are those of the option ``--without``."""
    bodies: bool = True          # lofted bodies with rounded corners, cabin, mirrors, many sizes
    glass: bool = True           # windows let pulses through
    large_vehicles: bool = True  # trucks, buses, trailers, as a class of their own
    headings: bool = True        # parking lots and squares: vehicles at any heading
    plants: bool = True          # trees, bushes, hedges of single leaves beside the plain ones
    clutter: bool = True         # fences, bins, bicycles, boxes, stones, barriers, pole groups
    terrain: bool = True         # curbs, slopes, rough ground
    sensors: bool = True         # 16 to 128 rings at any height, tilted; without: one 64-ring
    losses: bool = True          # pulses lost by range, angle, ring, sector and dirt
    noise: bool = True           # range noise, ring offsets, beam divergence
    weather: bool = True         # rain and fog now and then
    ego: bool = True             # returns of the vehicle that carries the sensor

    @classmethod
    def without(cls, names: Iterable[str]) -> Ingredients:
        """All but some.

        Raises:
            DataError: for an unknown name.
        """
        left_out = dict.fromkeys(names, False)
        unknown = next((name for name in left_out if name not in INGREDIENTS), None)
        if unknown is not None:
            raise DataError(f'there is no ingredient {unknown!r} to leave out; there are '
                            f'{", ".join(INGREDIENTS)}')
        return replace(cls(), **left_out)


INGREDIENTS = tuple(field.name for field in fields(Ingredients))
