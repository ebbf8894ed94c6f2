"""Items sorted into views: views hold different numbers, a batch wants rectangles."""
from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sparse3d.ops.cells import max_groups, ranks_in_order


@dataclass
class ViewGroups:
    """For each of G groups the items in it, padded to the fullest group.

    Attributes:
        index: [G, L] numbers of the items; 0 where there is none.
        valid: [G, L] bool, False for padding.
    """

    index: Tensor
    valid: Tensor

    @classmethod
    def of(cls, member: Tensor) -> ViewGroups:  # [G, items] bool
        """Groups of the items that are members, in their order."""
        group, item = member.nonzero(as_tuple=True)
        place = ranks_in_order(group, member.sum(1))
        longest = int(place.max()) + 1 if len(place) else 0
        index = torch.zeros(len(member), longest, dtype=torch.long, device=member.device)
        valid = torch.zeros_like(index, dtype=torch.bool)
        index[group, place], valid[group, place] = item, True
        return cls(index, valid)

    @property
    def nobody(self) -> bool:
        """Whether all groups are empty; known without asking the device."""
        return not self.index.shape[1]

    @property
    def padding(self) -> Tensor:  # [G, L] bool
        """True for places that attention must not look at.

        A group without items shows its first place, since attention to nothing is undefined.
        """
        padding = ~self.valid
        if padding.shape[1]:
            padding[:, 0] &= self.valid.any(1)
        return padding

    def take(self, values: Tensor) -> Tensor:  # [G, items, C] -> [G, L, C]
        """Values of the members; those of padding are meaningless but finite."""
        return values.gather(1, self.index[..., None].expand(-1, -1, values.shape[-1]))

    def take_shared(self, values: Tensor) -> Tensor:  # [samples, items, C] -> [G, L, C]
        """Values of the members where all views of a sample have the same values."""
        views = len(self.index) // len(values)
        sample = torch.arange(len(self.index), device=values.device) // views
        return values[sample[:, None], self.index]

    def put_back(self, values: Tensor, samples: int, items: int) -> Tensor:
        """Values [G, L, C] at their items [samples, items, C], the highest where there are several.

        Groups come sample after sample. An item in no group gets minus infinity.
        """
        views = len(self.index) // samples
        sample = torch.arange(len(self.index), device=values.device) // views
        member = self.valid.flatten().nonzero().squeeze(1)  # one wait, not one each
        row = (sample[:, None] * items + self.index).flatten()[member]
        result = max_groups(values.flatten(0, 1)[member], row, samples * items, empty=-torch.inf)
        return result.view(samples, items, -1)
