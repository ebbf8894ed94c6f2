"""Image features of earlier frames, kept so that no image passes the backbone twice."""
from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable

import torch
from torch import Tensor, nn

from sparse3d.models.backbones.seen_images import feature_settings

FrameMaps = tuple[Tensor, ...]  # L x [N, C, H_l, W_l], one frame
PROBES = 509  # numbers of a frame by which it is looked up before it is compared as a whole


class FeatureCache:
    """The most recently used frames' images and feature maps, at most ``capacity`` of them.

    It belongs to who drives a sequence, for as long as that lasts. A frame is known by its
    images as the backbone would read them, number by number, so that a mirrored, shifted or
    recolored one is another frame; whatever else the maps depend on is the ``state``.

    Args:
        capacity: number of frames; what was used longest ago goes first.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._state: Hashable = None
        self._kept: OrderedDict[Hashable, tuple[Tensor, FrameMaps]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def clear(self) -> None:
        """Drop everything."""
        self._kept.clear()

    def maps(self, frames: Tensor, compute: Callable[[Tensor], FrameMaps],
             state: Hashable = None) -> list[FrameMaps]:
        """Maps of frames [T, N, 3, H, W]; those of unknown ones come from ``compute(frame)``.

        Args:
            state: of the network; another one than before makes all that is kept void.
        """
        if state != self._state:
            self.clear()
            self._state = state
        found = []
        for key, images in zip(_keys(frames), frames, strict=True):
            kept = self._kept.get(key)
            if kept is None or not torch.equal(kept[0], images):
                kept = images.clone(), compute(images)  # a view would keep the whole batch alive
                self._kept[key] = kept
            self._kept.move_to_end(key)
            found.append(kept[1])
            while len(self._kept) > self.capacity:
                self._kept.popitem(last=False)
        return found


def state_of(modules: Iterable[nn.Module | None]) -> Hashable:
    """What tells weights, settings and precision of modules apart from later ones.

    PyTorch counts changes in place, but for those through ``.data``: another reason why a cache
    does not outlive the sequence that it is for.
    """
    there = [module for module in modules if module is not None]
    weights = tuple(
        (value.data_ptr(), 0 if value.is_inference() else value._version)
        for module in there
        for value in (*module.parameters(), *module.buffers()))
    kinds = [kind for kind in ('cpu', 'cuda') if torch.is_autocast_enabled(kind)]
    return (weights, tuple(map(feature_settings, there)),
            tuple((kind, torch.get_autocast_dtype(kind)) for kind in kinds))


def _keys(frames: Tensor) -> list[Hashable]:
    """Shape and some numbers of each frame, read from the device at once."""
    numbers = frames.flatten(1)
    some = numbers[:, ::max(numbers.shape[1] // PROBES, 1)].float().cpu().numpy()
    return [(tuple(frames.shape[1:]), row.tobytes()) for row in some]
