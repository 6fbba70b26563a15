"""Writes load-training.golden.json beside this file. Run by hand, never in CI:

    /usr/bin/python3 services/kenning/test/goldens/generate_load_training.py

Made with PyTorch 1.13.0, NumPy 1.24.2 (Debian 12: python3-torch).

200 Adam steps of the LSTM that forecasts loads, on fixed batches: batch `step` takes the rows at (37 * step + 11 * i) mod
(number of them), i < batch. Histories [rows, minutes * 3] are log(1 + requests), sine and cosine of the time of day;
targets are those of `loadTraining`. Parameters are stored in the order and layout in which kenning keeps them in one flat
vector: LSTM gates in ONNX's order (input, output, forget, cell), then dense weights [inputs, outputs].
"""

import json
import math
from pathlib import Path

import numpy as np
import torch

SEED = 20260102
STEPS = 200
ROWS = 150
BATCH = 32
MINUTES = 12
HIDDEN = 8
SMALLEST_SCALE = 0.1

torch.manual_seed(SEED)
torch.set_num_threads(1)
rng = np.random.default_rng(SEED)
softplus = torch.nn.functional.softplus


def draw_rows():
    level = np.exp(rng.normal(1.5, 0.7, size=(ROWS, 1)))
    active = rng.random((ROWS, MINUTES + 1)) < 0.6
    loads = np.where(active, 1 + rng.poisson(level, size=(ROWS, MINUTES + 1)), 0)
    time = rng.integers(0, 1440, size=(ROWS, 1)) - MINUTES + np.arange(MINUTES)
    angle = 2 * np.pi * time / 1440
    histories = np.stack([np.log1p(loads[:, :MINUTES]), np.sin(angle), np.cos(angle)], -1).reshape(ROWS, -1)
    newest, following = loads[:, MINUTES - 1], loads[:, MINUTES]
    known = rng.random(ROWS) < 0.85
    following = np.where(known, following, 0)
    targets = np.stack([np.log1p(newest), newest > 0, np.log1p(following), following > 0, known], -1)
    return np.round(histories, 4).astype(np.float32), np.round(targets, 4).astype(np.float32)


def surprise(output, log_load, is_active):
    location, scale, log_odds = output[:, 0], softplus(output[:, 1]) + SMALLEST_SCALE, output[:, 2]
    z = (log_load - location) / scale
    logistic = -torch.distributions.transformed_distribution.TransformedDistribution(
        torch.distributions.Uniform(torch.zeros_like(z), torch.ones_like(z), validate_args=False),
        [torch.distributions.SigmoidTransform().inv],
        validate_args=False,
    ).log_prob(z) + torch.log(scale)
    coin = torch.nn.functional.binary_cross_entropy_with_logits(log_odds, is_active, reduction="none")
    return coin + is_active * logistic


def floats(tensors):
    return [float(np.format_float_positional(v, unique=True)) for t in tensors for v in t.detach().numpy().ravel()]


def run(histories, targets, case):
    network = torch.nn.LSTM(3, HIDDEN, batch_first=True)
    newest, following = torch.nn.Linear(HIDDEN, 3), torch.nn.Linear(HIDDEN, 3)
    with torch.no_grad():
        network.bias_hh_l0.zero_()
    network.bias_hh_l0.requires_grad_(False)
    trained = [p for layer in (network, newest, following) for p in layer.parameters() if p.requires_grad]
    h = HIDDEN
    # PyTorch keeps the gates as input, forget, cell, output.
    order = np.r_[0:h, 3 * h : 4 * h, h : 2 * h, 2 * h : 3 * h]
    dense = [t for layer in (newest, following) for t in (layer.weight.T, layer.bias)]
    start = floats([network.weight_ih_l0[order], network.weight_hh_l0[order], network.bias_ih_l0[order], *dense])
    x = torch.from_numpy(histories).reshape(ROWS, MINUTES, 3)
    y = torch.from_numpy(targets)
    optimizer = torch.optim.Adam(trained, lr=case["learningRate"])
    losses = []
    for step in range(STEPS):
        if case["schedule"] == "cosine":
            optimizer.param_groups[0]["lr"] = case["learningRate"] * 0.5 * (1 + math.cos(math.pi * step / STEPS))
        batch = torch.from_numpy((37 * step + 11 * np.arange(BATCH)) % ROWS)
        states, _ = network(x[batch])
        t = y[batch]
        of_newest = surprise(newest(states[:, MINUTES - 2]), t[:, 0], t[:, 1])
        of_next = surprise(following(states[:, MINUTES - 1]), t[:, 2], t[:, 3])
        loss = (of_newest + t[:, 4] * of_next).mean()
        optimizer.zero_grad()
        loss.backward()
        if case["maxGradientNorm"] is not None:
            torch.nn.utils.clip_grad_norm_(trained, case["maxGradientNorm"])
        optimizer.step()
        losses.append(round(float(loss), 9))
    return {**case, "start": start, "losses": losses}


histories, targets = draw_rows()
plain = {"learningRate": 3e-3, "schedule": "constant", "weightDecay": {"kind": "l2", "rate": 0.0}, "maxGradientNorm": None}
content = {
    "versions": {"torch": torch.__version__, "numpy": np.__version__},
    "seed": SEED,
    "batch": BATCH,
    "minutes": MINUTES,
    "hidden": HIDDEN,
    "histories": [float(str(v)) for v in histories.ravel()],
    "targets": [float(str(v)) for v in targets.ravel()],
    "cases": [
        run(histories, targets, plain),
        run(histories, targets, {**plain, "learningRate": 1e-2, "schedule": "cosine", "maxGradientNorm": 1.0}),
    ],
}
(Path(__file__).parent / "load-training.golden.json").write_text(json.dumps(content) + "\n")
