"""Trains the network on prepared examples and writes it as ONNX. Runs in an environment of its own, with PyTorch."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from services.articulation.log_mel import BANDS
from services.articulation.sound_classes import CLASSES, CLOSURES
from training.example import Example, load
from training.network import VisemeNetwork

_CROP = 300
_BATCH = 12
_PEAK_RATE = 4e-3
_WEIGHT_DECAY = 0.01
_SMOOTHING = 0.05
_EDGE_WEIGHT = 0.4
"""Of frames beside a change of class: the voice model's durations come in steps of 25 ms."""
_CLOSURE_WEIGHT = 1.1
"""A closure that is missed is seen, one too many hardly."""


def train(prepared: Path, target: Path, epochs: int, seed: int) -> None:
    """`prepared` holds train.npz and validation.npz; prints a line an epoch."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    examples, validation = load(prepared / "train.npz"), load(prepared / "validation.npz")
    network = VisemeNetwork(BANDS, len(CLASSES))
    weights = _class_weights(examples)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=_WEIGHT_DECAY)
    steps = epochs * len(list(_batches(examples, np.random.default_rng(0))))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _PEAK_RATE, total_steps=steps, pct_start=0.15)
    print(
        f"{sum(parameter.numel() for parameter in network.parameters())} parameters, {sum(len(e.labels) for e in examples) / 6000:.0f} minutes, {steps} steps"
    )
    for epoch in range(epochs):
        started, losses = time.perf_counter(), []
        network.train()
        for features, labels in _batches(examples, rng):
            loss = _loss(network(_masked(features, rng)), labels, weights)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        accuracy = _accuracy(network, validation)
        print(f"epoch {epoch + 1}: loss {np.mean(losses):.3f}, frames right {accuracy:.3f}, {time.perf_counter() - started:.0f} s", flush=True)
        if epoch % 10 == 9 or epoch == epochs - 1:
            _export(network, target)


def _class_weights(examples: Sequence[Example]) -> torch.Tensor:
    counts = np.bincount(np.concatenate([example.labels for example in examples]), minlength=len(CLASSES)) + 100
    weights = (counts.mean() / counts) ** 0.4
    weights[[CLASSES.index(symbol) for symbol in CLOSURES]] *= _CLOSURE_WEIGHT
    return torch.tensor(weights, dtype=torch.float32)


def _batches(examples: Sequence[Example], rng: np.random.Generator) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Every example once, at a random place; short ones go on with the next."""
    order = rng.permutation(len(examples))
    for begin in range(0, len(order) - _BATCH + 1, _BATCH):
        features, labels = zip(*(_crop(examples, int(index), rng) for index in order[begin : begin + _BATCH]), strict=True)
        yield torch.from_numpy(np.stack(features)).float(), torch.from_numpy(np.stack(labels)).long()


def _crop(examples: Sequence[Example], index: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    features, labels = examples[index].features, examples[index].labels
    while len(labels) < _CROP:
        following = examples[int(rng.integers(len(examples)))]
        features, labels = np.concatenate([features, following.features]), np.concatenate([labels, following.labels])
    begin = rng.integers(len(labels) - _CROP + 1)
    return features[begin : begin + _CROP], labels[begin : begin + _CROP]


def _masked(features: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """With a band and a short time taken away (SpecAugment, Park et al. 2019)."""
    for item in features:
        low, height = rng.integers(BANDS), rng.integers(0, 12)
        item[:, low : low + height] = item.mean()
        begin, length = rng.integers(len(item)), rng.integers(0, 6)
        item[begin : begin + length] = item.mean()
    return features


def _loss(scores: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    each = functional.cross_entropy(scores.transpose(1, 2), labels, weight=weights, label_smoothing=_SMOOTHING, reduction="none")
    changes = functional.pad((labels[:, 1:] != labels[:, :-1]).float(), (1, 1))
    beside = torch.maximum(changes[:, :-1], changes[:, 1:])
    importance = 1.0 - (1.0 - _EDGE_WEIGHT) * beside
    return (each * importance).sum() / importance.sum()


@torch.no_grad()
def _accuracy(network: VisemeNetwork, examples: Sequence[Example]) -> float:
    network.eval()
    right = total = 0
    for example in examples:
        found = network(torch.from_numpy(example.features).float()[None])[0].argmax(1).numpy()
        right, total = right + int((found == example.labels).sum()), total + len(found)
    return right / total


def _export(network: VisemeNetwork, target: Path) -> None:
    network.eval()
    frames = torch.export.Dim("frames", min=16)
    program = torch.onnx.export(
        network,
        (torch.zeros(1, 300, BANDS),),
        input_names=["features"],
        output_names=["log_probabilities"],
        dynamic_shapes=({1: frames},),
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    target.write_bytes(without_sources(program.model_proto).SerializeToString())
    network.train()


def without_sources(message: Any) -> Any:
    """A network without what PyTorch notes on each node: the lines of our code that made it, with the paths of the machine."""
    for field, value in list(message.ListFields()):
        if field.name in ("doc_string", "metadata_props"):
            message.ClearField(field.name)
        elif field.message_type is not None:
            for part in [value] if hasattr(value, "ListFields") else value:
                without_sources(part)
    return message
