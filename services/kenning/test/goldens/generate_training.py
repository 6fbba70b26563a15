"""Writes training.golden.json beside this file. Run by hand, never in CI:

    /usr/bin/python3 services/kenning/test/goldens/generate_training.py

Made with PyTorch 1.13.0, NumPy 1.24.2 (Debian 12: python3-torch).

200 Adam steps of an autoencoder on fixed batches: batch `step` takes the rows at (37 * step + 11 * i) mod (number of
them), i < batch. Parameters are stored in the order and layout in which kenning keeps them in one flat vector: dense
weights [inputs, outputs].
"""

import json
import math
from pathlib import Path

import numpy as np
import torch

SEED = 20260101
STEPS = 200
ROWS = 160
BATCH = 32
AUTOENCODER = [6, 12, 3, 12, 6]

torch.manual_seed(SEED)
torch.set_num_threads(1)
rng = np.random.default_rng(SEED)


def positions(step, count):
    return torch.from_numpy((37 * step + 11 * np.arange(BATCH)) % count)


def floats(tensors):
    return [float(np.format_float_positional(v, unique=True)) for t in tensors for v in t.detach().numpy().ravel()]


def run(parameters, loss_of, count, case):
    decay = case["weightDecay"]
    optimizer_class = torch.optim.AdamW if decay["kind"] == "decoupled" else torch.optim.Adam
    optimizer = optimizer_class(parameters, lr=case["learningRate"], weight_decay=decay["rate"])
    losses = []
    for step in range(STEPS):
        if case["schedule"] == "cosine":
            optimizer.param_groups[0]["lr"] = case["learningRate"] * 0.5 * (1 + math.cos(math.pi * step / STEPS))
        optimizer.zero_grad()
        loss = loss_of(positions(step, count))
        loss.backward()
        if case["maxGradientNorm"] is not None:
            torch.nn.utils.clip_grad_norm_(parameters, case["maxGradientNorm"])
        optimizer.step()
        losses.append(round(float(loss), 9))
    return losses


def autoencoder(rows, activation, case):
    layers = [torch.nn.Linear(a, b) for a, b in zip(AUTOENCODER, AUTOENCODER[1:])]
    parameters = [p for layer in layers for p in (layer.weight, layer.bias)]
    start = floats(p for layer in layers for p in (layer.weight.T, layer.bias))
    data = torch.from_numpy(rows)

    def loss_of(batch):
        x = hidden = data[batch]
        for index, layer in enumerate(layers):
            hidden = layer(hidden)
            if index + 1 < len(layers):
                hidden = activation(hidden)
        return torch.nn.functional.mse_loss(hidden, x)

    return {**case, "activation": activation.__name__, "start": start, "losses": run(parameters, loss_of, len(rows), case)}


factors = rng.normal(size=(ROWS, 2))
rows = np.round(factors @ rng.normal(size=(2, AUTOENCODER[0])) + 0.3 * rng.normal(size=(ROWS, AUTOENCODER[0])), 3)
rows = rows.astype(np.float32)

NO_DECAY = {"kind": "l2", "rate": 0.0}
plain = {"learningRate": 1e-3, "schedule": "constant", "weightDecay": NO_DECAY, "maxGradientNorm": None}
cases = {
    "autoencoder": [
        autoencoder(rows, torch.tanh, plain),
        autoencoder(rows, torch.relu, {**plain, "learningRate": 3e-3, "schedule": "cosine"}),
        autoencoder(rows, torch.tanh, {**plain, "weightDecay": {"kind": "l2", "rate": 0.01}, "maxGradientNorm": 0.3}),
        autoencoder(rows, torch.tanh, {**plain, "learningRate": 1e-2, "weightDecay": {"kind": "decoupled", "rate": 0.1}}),
    ],
}
content = {
    "versions": {"torch": torch.__version__, "numpy": np.__version__},
    "seed": SEED,
    "batch": BATCH,
    "autoencoderSizes": AUTOENCODER,
    "rows": [float(str(v)) for v in rows.ravel()],
    **cases,
}
(Path(__file__).parent / "training.golden.json").write_text(json.dumps(content) + "\n")
