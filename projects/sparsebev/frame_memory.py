"""Image features of earlier frames, kept so that no image passes the backbone twice."""
from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence

from torch import Tensor

FrameMaps = tuple[Tensor, ...]  # L x [N, C, H_l, W_l], one frame


class FrameMemory:
    """The most recently used frames' feature maps, at most ``capacity`` of them.

    Args:
        capacity: number of frames; what was used longest ago goes first.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._maps: OrderedDict[Hashable, FrameMaps] = OrderedDict()

    def __len__(self) -> int:
        return len(self._maps)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._maps

    def clear(self) -> None:
        """Forget everything."""
        self._maps.clear()

    def maps(self, keys: Sequence[Hashable], compute: Callable[[int], FrameMaps]
             ) -> list[FrameMaps]:
        """Maps of the frames named ``keys``; those not known come from ``compute(index)``."""
        found = []
        for index, key in enumerate(keys):
            if key not in self._maps:
                self._maps[key] = compute(index)
            self._maps.move_to_end(key)
            found.append(self._maps[key])
            while len(self._maps) > self.capacity:
                self._maps.popitem(last=False)
        return found
