"""EVA-02 as a detection backbone: a plain transformer with windows and rotary positions."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from mmcv.cnn.bricks import DropPath
from mmdet3d.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from sparse3d.argument_objects import argument_object
from sparse3d.models.backbones.rotary_positions import rotary_tables, rotate

EPSILON = 1e-6


class SwiGLU(nn.Module):
    """Gated feed-forward layer with a norm inside; EVA-02, section 2."""

    def __init__(self, channels: int, hidden_channels: int) -> None:
        super().__init__()
        self.w1, self.w2 = (
            nn.Linear(channels, hidden_channels),
            nn.Linear(channels, hidden_channels),
        )
        self.ffn_ln = nn.LayerNorm(hidden_channels, eps=EPSILON)
        self.w3 = nn.Linear(hidden_channels, channels)

    def forward(self, tokens: Tensor) -> Tensor:
        """[..., C] -> [..., C]."""
        return self.w3(self.ffn_ln(F.silu(self.w1(tokens)) * self.w2(tokens)))


class RotaryAttention(nn.Module):
    """Self attention over [M, tokens, C]; queries and keys are turned by their positions."""

    def __init__(self, channels: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.q_proj = nn.Linear(channels, channels, bias=False)
        self.k_proj = nn.Linear(channels, channels, bias=False)
        self.v_proj = nn.Linear(channels, channels, bias=False)
        self.q_bias = nn.Parameter(torch.zeros(channels))
        self.v_bias = nn.Parameter(torch.zeros(channels))
        self.proj = nn.Linear(channels, channels)

    def forward(self, tokens: Tensor, tables: tuple[Tensor, Tensor]) -> Tensor:
        """Attend; the tables are [tokens, C / heads]."""
        query, key, value = (
            F.linear(tokens, layer.weight, bias).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for layer, bias in ((self.q_proj, self.q_bias), (self.k_proj, None),
                                (self.v_proj, self.v_bias)))
        attended = F.scaled_dot_product_attention(
            rotate(query, *tables), rotate(key, *tables), value)
        return self.proj(attended.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """Attention in windows or over the whole image, then SwiGLU; both added to the input.

    Args:
        window: side of the windows in patches, 0 for the whole image.
    """

    def __init__(self, channels: int, num_heads: int, feedforward_channels: int, window: int,
                 drop_path: float) -> None:
        super().__init__()
        self.window = window
        self.norm1 = nn.LayerNorm(channels, eps=EPSILON)
        self.attn = RotaryAttention(channels, num_heads)
        self.norm2 = nn.LayerNorm(channels, eps=EPSILON)
        self.mlp = SwiGLU(channels, feedforward_channels)
        self.drop_path = DropPath(drop_path)

    def forward(self, tokens: Tensor, tables: tuple[Tensor, Tensor]) -> Tensor:
        """[M, H, W, C] -> [M, H, W, C]."""
        height, width = tokens.shape[1:3]
        inside = self.norm1(tokens)
        if self.window:
            inside = from_windows(self.attn(to_windows(inside, self.window), tables),
                                  self.window, height, width)
        else:
            inside = self.attn(inside.flatten(1, 2), tables).view(tokens.shape)
        tokens = tokens + self.drop_path(inside)
        return tokens + self.drop_path(self.mlp(self.norm2(tokens)))


def to_windows(tokens: Tensor, side: int) -> Tensor:
    """[M, H, W, C] -> [M * windows, side * side, C], padded with zeros below and to the right.

    The padding takes part in attention, as published.
    """
    height, width, channels = tokens.shape[1:]
    padded = F.pad(tokens, (0, 0, 0, -width % side, 0, -height % side))
    split = padded.unflatten(2, (-1, side)).unflatten(1, (-1, side))
    return split.transpose(2, 3).reshape(-1, side * side, channels)


def from_windows(windows: Tensor, side: int, height: int, width: int) -> Tensor:
    """The inverse of :func:`to_windows`."""
    down, across = -(-height // side), -(-width // side)
    split = windows.view(-1, down, across, side, side, windows.shape[-1]).transpose(2, 3)
    return split.flatten(3, 4).flatten(1, 2)[:, :height, :width]


@dataclass(frozen=True)
class BlockOptions:
    """The blocks of the transformer.

    Attributes:
        depth: number of blocks.
        num_heads: of the attention.
        feedforward_channels: of the feed-forward layers.
        window: side of a window in patches.
        global_attention_interval: of so many blocks the last looks at the whole image.
        drop_path: of the last block; it rises evenly from 0.
        with_checkpoint: spend time instead of memory in training.
    """

    depth: int = 24
    num_heads: int = 16
    feedforward_channels: int = 2730
    window: int = 16
    global_attention_interval: int = 3
    drop_path: float = 0.0
    with_checkpoint: bool = False


@dataclass(frozen=True)
class PositionOptions:
    """Where patches lie.

    Attributes:
        trained_grid: side in patches of the images that the rotary positions belong to.
        position_grid: side of the table of absolute positions; its first entry is unused.
        resize_rotary_tables: see ``published_resize`` of
            :func:`~sparse3d.models.backbones.rotary_positions.rotary_tables`.
    """

    trained_grid: int = 96
    position_grid: int = 14
    resize_rotary_tables: bool = False


@MODELS.register_module()
class EVA02(BaseModule):
    """EVA-02 large by default: 24 blocks, every third over the whole image.

    Args:
        channels: of the tokens.
        patch: side of a patch in pixels.
        blocks: of the transformer, see :class:`BlockOptions`.
        positions: absolute and rotary, see :class:`PositionOptions`.
        frozen_blocks: patches, positions and so many blocks do not learn; -1 for none.

    Source: EVA-02 (arXiv 2303.11331), section 2; windows after ViTDet (arXiv 2203.16527).
    """

    argument_objects = dict(blocks=BlockOptions, positions=PositionOptions)

    def __init__(self, channels: int = 1024, patch: int = 16,
                 blocks: dict | BlockOptions | None = None,
                 positions: dict | PositionOptions | None = None, frozen_blocks: int = -1,
                 init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        blocks = argument_object(self, 'blocks', blocks)
        positions = argument_object(self, 'positions', positions)
        self.window, self.trained_grid = blocks.window, positions.trained_grid
        self.head_width = channels // blocks.num_heads
        self.position_grid = side = positions.position_grid
        self.frozen_blocks, self.with_checkpoint = frozen_blocks, blocks.with_checkpoint
        self.resize_rotary_tables = positions.resize_rotary_tables
        self.patch_embed = nn.ModuleDict({'proj': nn.Conv2d(3, channels, patch, patch)})
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + side ** 2, channels))
        self.blocks = nn.ModuleList(
            Block(channels, blocks.num_heads, blocks.feedforward_channels,
                  0 if (index + 1) % blocks.global_attention_interval == 0 else blocks.window,
                  blocks.drop_path * index / max(blocks.depth - 1, 1))
            for index in range(blocks.depth))
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        self.apply(_initialize)
        self.train()

    def forward(self, images: Tensor) -> Sequence[Tensor]:
        """Images [M, 3, H, W] to one map [M, C, H / 16, W / 16]."""
        tokens = self.patch_embed['proj'](images).permute(0, 2, 3, 1)
        tokens = tokens + self._positions(tokens.shape[1:3])
        for block in self.blocks:
            tokens = self._run(block, tokens)
        return (tokens.permute(0, 3, 1, 2),)

    def train(self, mode: bool = True) -> EVA02:
        """Frozen parts stay in evaluation mode."""
        super().train(mode)
        if self.frozen_blocks >= 0:
            self.pos_embed.requires_grad_(False)
            for part in (self.patch_embed, *self.blocks[:self.frozen_blocks]):
                part.eval()
                part.requires_grad_(False)
        return self

    def _run(self, block: Block, tokens: Tensor) -> Tensor:
        grid = (block.window,) * 2 if block.window else tuple(tokens.shape[1:3])
        trained = block.window or self.trained_grid
        tables = tuple(table.to(tokens.device) for table in _tables(
            grid, self.head_width, trained, self.resize_rotary_tables))
        if self.with_checkpoint and self.training and tokens.requires_grad:
            return checkpoint(block, tokens, tables, use_reentrant=False)
        return block(tokens, tables)

    def _positions(self, grid: tuple[int, int]) -> Tensor:
        """Absolute positions [1, H, W, C], resized to the image."""
        side = self.position_grid
        table = self.pos_embed[:, 1:].unflatten(1, (side, side))
        if tuple(grid) == (side, side):
            return table
        resized = F.interpolate(table.permute(0, 3, 1, 2), tuple(grid), mode='bicubic')
        return resized.permute(0, 2, 3, 1)


@lru_cache(maxsize=16)
def _tables(grid: tuple[int, int], width: int, trained: int, resize: bool
            ) -> tuple[Tensor, Tensor]:
    return rotary_tables(grid, width, trained, published_resize=resize)


def _initialize(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
