"""Peer of the training benchmarks: PyTorch on one thread, asked over stdin, one JSON object a line.

argv: path of a raw little-endian float32 file, its number of columns.
{"network": "autoencoder", "steps": n} and {"network": "lstm", "steps": n} do n more steps of the network of that name.
Each answer is {"seconds": [...]}, one number.
"""

import json
import sys
import time

import numpy as np
import torch

torch.set_num_threads(1)
torch.manual_seed(1)
data = torch.from_numpy(np.fromfile(sys.argv[1], dtype="<f4").reshape(-1, int(sys.argv[2])))
columns = data.shape[1]


class Autoencoder:
    batch = 256

    def __init__(self):
        sizes = [columns, 32, 16, 4, 16, 32, columns]
        layers = []
        for inputs, outputs in zip(sizes, sizes[1:]):
            layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
        self.network = torch.nn.Sequential(*layers[:-1])
        self.parameters = list(self.network.parameters())
        self.positions = len(data)

    def loss(self, batch):
        x = data[batch]
        return torch.nn.functional.mse_loss(self.network(x), x)


class Lstm:
    batch = 128
    steps = 32

    def __init__(self):
        self.network = torch.nn.LSTM(columns, 32)
        self.head = torch.nn.Linear(32, columns)
        self.parameters = [*self.network.parameters(), *self.head.parameters()]
        self.positions = len(data) - self.steps
        self.offsets = torch.arange(self.steps)[:, None]

    def loss(self, starts):
        output, _ = self.network(data[self.offsets + starts[None, :]])
        return torch.nn.functional.mse_loss(self.head(output[-1]), data[starts + self.steps])


class Training:
    def __init__(self, problem):
        self.problem = problem
        self.optimizer = torch.optim.Adam(problem.parameters, lr=1e-3)
        self.order = torch.randperm(problem.positions)
        self.used = 0

    def step(self):
        batch = self.problem.batch
        if self.used + batch > len(self.order):
            self.order = torch.randperm(self.problem.positions)
            self.used = 0
        loss = self.problem.loss(self.order[self.used : self.used + batch])
        self.used += batch
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()


trainings = {"autoencoder": Training(Autoencoder()), "lstm": Training(Lstm())}
print(json.dumps({"ready": f"PyTorch {torch.__version__}"}), flush=True)

for line in sys.stdin:
    request = json.loads(line)
    training = trainings[request["network"]]
    start = time.perf_counter()
    for _ in range(request["steps"]):
        training.step()
    print(json.dumps({"seconds": [time.perf_counter() - start]}), flush=True)
