"""What is read off a query: one small network for each property of a box."""
from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from sparse3d.models.center.heatmap_loss import RARE_BIAS


class PredictionBranches(nn.Module):
    """One branch for each property: linear, batch normalization, ReLU, linear.

    Args:
        channels: of the queries.
        outputs: numbers of each property by its name; those of the classes are logits and
            start near zero probability.
        num_classes: name of the classes' branch.
        hidden_channels: width of the branches.

    Source: TransFusion (CVPR 2022), section 3.2; released code.
    """

    def __init__(self, channels: int, outputs: Mapping[str, int], num_classes: str = 'heatmap',
                 hidden_channels: int = 64) -> None:
        super().__init__()
        self.branches = nn.ModuleDict(
            {
                name: nn.Sequential(
                    nn.Conv1d(channels, hidden_channels, 1, bias=False),
                    nn.BatchNorm1d(hidden_channels),
                    nn.ReLU(),
                    nn.Conv1d(hidden_channels, count, 1),
                )
                for name, count in outputs.items()
            }
        )
        self.num_classes = num_classes

    def init_weights(self) -> None:
        """Let the classes start rare; the rest is initialized with the head."""
        nn.init.constant_(self.branches[self.num_classes][-1].bias, RARE_BIAS)

    def forward(self, queries: Tensor) -> dict[str, Tensor]:  # [B, Q, C] -> [B, count, Q] each
        """Outputs of all branches by their names."""
        queries = queries.transpose(1, 2)
        return {name: branch(queries) for name, branch in self.branches.items()}
