"""Which weights of a model may become sparse."""
from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from spconv.pytorch.conv import SparseConvolution
from torch import nn
from torch.nn.modules.linear import NonDynamicallyQuantizableLinear

from sparse3d.errors import ConfigError

# Kinds of layers; on a CPU the first two have sparse kernels, as 2:4 on a GPU the first alone.
LINEAR, POINTWISE, CONVOLUTION, SPARSE_CONVOLUTION = 'linear', 'conv1x1', 'conv', 'sparse_conv'
KINDS = (LINEAR, POINTWISE, CONVOLUTION, SPARSE_CONVOLUTION)
# Small and sensitive: predictions, positions, where attention looks.
SENSITIVE = (r'(^|[._])(cls|reg|classif\w*|regress\w*|heatmap\w*|branch\w*|pred\w*|offset\w*|'
             r'sampling_\w+|pos\w*|embed\w*|query_embed|iou|velocity|center|height|dim|rot|vel|hm|'
             r'task_heads?|conv_cls|conv_reg|conv_dir\w*|anchor\w*|refine\w*|paint|fc_cls|fc_reg)'
             r'([._]|\d|$)')
SMALLEST = 32  # outputs and inputs
READ_BY_ATTENTION = 'its attention reads the weight itself'


@dataclass(frozen=True)
class Prunable:
    """A weight that may become sparse.

    Attributes:
        name: of the parameter.
        kind: of its layer, one of :data:`KINDS`.
        weight: the parameter.
        refused: why it stays dense, or an empty text.
        in_attention: whether an attention multiplies with it itself, without its layer.
    """

    name: str
    kind: str
    weight: nn.Parameter
    refused: str = ''
    in_attention: bool = False

    @property
    def kernel_lack(self) -> str:
        """Why 2:4 kernels do not take it, or an empty text."""
        return READ_BY_ATTENTION if self.in_attention else kernel_lack(self.weight, self.kind)


def weights_of_layers(model: nn.Module, kinds: Sequence[str] = (LINEAR, ),
                      include: str = '', exclude: str = '') -> list[Prunable]:
    """Every weight of these kinds of layers, in the model's order, with why it is left out.

    Left out are the model's first layer, layers that predict or embed positions, and small ones.

    Args:
        kinds: among :data:`KINDS`.
        include: pattern of names of parameters (``re.search``) that alone are taken; a layer that
            it finds is taken even if its name is one of a sensitive layer.
        exclude: pattern of names that stay dense.

    Raises:
        ConfigError: for an unknown kind, or if nothing is left.
    """
    check_choice(kinds, include, exclude)
    found, first = [], True
    for each in _all_weights(model):
        if each.kind in kinds:
            found.append(replace(each, refused=_reason(each.name, each.weight, first, include,
                                                       exclude)))
        first = False
    if not any(not each.refused for each in found):
        raise ConfigError(f'the model has no {" or ".join(kinds)} layer to make sparse'
                          + (f' among those of {include!r}' if include else '')
                          + f' ({len(found)} were looked at)')
    return found


def check_choice(kinds: Sequence[str], include: str, exclude: str) -> None:
    """Refuse kinds and patterns that choose from no model.

    Args:
        kinds, include, exclude: as of :func:`weights_of_layers`.

    Raises:
        ConfigError: for an unknown kind, none, or what is no pattern.
    """
    if isinstance(kinds, str):
        raise ConfigError(f'the kinds of layers are {kinds!r}; give a list, such as [{kinds!r}]')
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or not kinds:
        what = f'kind of layer {unknown[0]!r}' if unknown else 'layer of no kind'
        raise ConfigError(f'there is no {what}; use {", ".join(KINDS)}')
    for pattern in (include, exclude):
        try:
            re.compile(pattern)
        except (re.error, TypeError) as error:
            raise ConfigError(f'{pattern!r} is no pattern of names: {error}') from error


def _all_weights(model: nn.Module) -> Iterator[Prunable]:
    for path, layer in model.named_modules():
        prefix = f'{path}.' if path else ''
        if isinstance(layer, nn.MultiheadAttention) and layer.in_proj_weight is not None:
            yield Prunable(f'{prefix}in_proj_weight', LINEAR, layer.in_proj_weight,
                           in_attention=True)
        weight = getattr(layer, 'weight', None)
        kind = _kind(layer)
        if kind and isinstance(weight, nn.Parameter):
            yield Prunable(f'{prefix}weight', kind, weight, in_attention=isinstance(
                layer, NonDynamicallyQuantizableLinear))


def _kind(layer: nn.Module) -> str | None:
    if isinstance(layer, nn.Linear):
        return LINEAR
    if isinstance(layer, SparseConvolution):
        return SPARSE_CONVOLUTION
    if isinstance(layer, nn.Conv1d | nn.Conv2d) and layer.groups == 1:
        return POINTWISE if set(layer.kernel_size) == {1} else CONVOLUTION
    return None


def _reason(name: str, weight: nn.Parameter, first: bool, include: str, exclude: str) -> str:
    if exclude and re.search(exclude, name):
        return 'excluded'
    if include:
        return '' if re.search(include, name) else 'not included'
    if first:
        return 'the first layer'
    if re.search(SENSITIVE, name):
        return 'predicts or embeds positions'
    rows, columns = weight.shape[0], weight[0].numel()
    if min(rows, columns) < SMALLEST:
        return f'small ({rows} x {columns})'
    return ''


def kernel_lack(weight: nn.Parameter, kind: str) -> str:
    """Why PyTorch's 2:4 kernels on NVIDIA do not take a weight in half precision, or an empty text.

    Source: torch.sparse.semi_structured: rows and columns in multiples of 32 and 64 (CUTLASS).
    """
    if kind != LINEAR:
        return 'no kernel for convolutions'
    rows, columns = weight.shape[0], weight[0].numel()
    if rows % 32 or columns % 64:
        return f'{rows} x {columns} is no multiple of 32 x 64'
    return ''
