"""Versions of layers for weights that were saved without them.

PyTorch notes the version of every layer in an attribute of the state dict, which an average, a
``{name: value.half()}``, or a file of another format loses. Layers take such weights for those of
their first version and convert them: mmdet3d turns the kernels of every sparse convolution.
"""
from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from itertools import chain

from torch import Size, Tensor, nn

FIRST_VERSION = 1


def with_layer_versions(model: nn.Module, weights: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Weights with the versions of the layers that they fit; as they are, if they have versions.

    A layer whose weights have its own names and shapes wrote them in its present version; where
    they have other shapes, it may convert them. A kernel whose shape is the same in both layouts
    follows the others.

    Args:
        model: that the weights are for.
        weights: state dict, with ``_metadata`` or without.
    """
    if getattr(weights, '_metadata', None):
        return weights
    layers = {name: _own_shapes(layer, name) for name, layer in model.named_modules()
              if getattr(layer, '_version', None) not in (None, FIRST_VERSION)}
    fit = {name: _fit(shapes, weights) for name, shapes in layers.items()}
    present = all(fit[name] for name, shapes in layers.items() if shapes.keys() <= weights.keys())
    versions = {name: dict(version=model.get_submodule(name)._version) for name in layers
                if fit[name] and (present or not _ambiguous(layers[name]))}
    marked = OrderedDict(weights)
    marked._metadata = OrderedDict(versions)
    return marked


def _own_shapes(layer: nn.Module, name: str) -> dict[str, Size]:
    prefix = f'{name}.' if name else ''
    return {f'{prefix}{key}': value.shape
            for key, value in chain(layer._parameters.items(), layer._buffers.items())
            if value is not None and key not in layer._non_persistent_buffers_set}


def _fit(shapes: Mapping[str, Size], weights: Mapping[str, Tensor]) -> bool:
    return all(name in weights and weights[name].shape == shape for name, shape in shapes.items())


def _ambiguous(shapes: Mapping[str, Size]) -> bool:
    """Whether kernels have the same shape with the output channels first and last."""
    kernels = [shape for shape in shapes.values() if len(shape) > 1]
    return bool(kernels) and all(shape == (*shape[1:], shape[0]) for shape in kernels)
