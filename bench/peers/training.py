"""Peer of the training benchmarks: PyTorch on one thread, asked over stdin, one JSON object a line.

argv: name of the network ("autoencoder" or "lstm"), path of a raw little-endian float32 file, the numbers of columns of its
data sets, which lie in it one after the other and have as many rows each.
{"steps": n} does n more steps. Each answer is {"seconds": [...]}, one number.
"""

import json
import sys
import time

import numpy as np
import torch

torch.set_num_threads(1)
torch.manual_seed(1)
softplus = torch.nn.functional.softplus


def read_data_sets(path, columns):
    values = np.fromfile(path, dtype="<f4")
    rows = len(values) // sum(columns)
    ends = np.cumsum([rows * count for count in columns])[:-1]
    return [torch.from_numpy(part.reshape(rows, -1).copy()) for part in np.split(values, ends)]


class Autoencoder:
    batch = 256

    def __init__(self, rows):
        columns = rows.shape[1]
        sizes = [columns, 32, 16, 4, 16, 32, columns]
        layers = []
        for inputs, outputs in zip(sizes, sizes[1:]):
            layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
        self.network = torch.nn.Sequential(*layers[:-1])
        self.parameters = list(self.network.parameters())
        self.rows = rows

    def loss(self, batch):
        x = self.rows[batch]
        return torch.nn.functional.mse_loss(self.network(x), x)


class LoadLstm:
    """Histories [rows, minutes * 3] and targets [rows, 5] of `loadTraining`."""

    batch = 128
    hidden = 16

    def __init__(self, histories, targets):
        self.network = torch.nn.LSTM(3, self.hidden)
        self.newest = torch.nn.Linear(self.hidden, 3)
        self.next = torch.nn.Linear(self.hidden, 3)
        self.parameters = [p for layer in (self.network, self.newest, self.next) for p in layer.parameters()]
        self.rows = histories.reshape(len(histories), -1, 3)
        self.targets = targets

    @staticmethod
    def surprise(output, log_load, is_active):
        scale = softplus(output[:, 1]) + 0.1
        z = (log_load - output[:, 0]) / scale
        size = 2 * softplus(z) - z + torch.log(scale)
        return softplus(output[:, 2]) + is_active * (size - output[:, 2])

    def loss(self, batch):
        states, _ = self.network(self.rows[batch].transpose(0, 1))
        target = self.targets[batch]
        of_newest = self.surprise(self.newest(states[-2]), target[:, 0], target[:, 1])
        of_next = self.surprise(self.next(states[-1]), target[:, 2], target[:, 3])
        return (of_newest + target[:, 4] * of_next).mean()


class Training:
    def __init__(self, problem):
        self.problem = problem
        self.optimizer = torch.optim.Adam(problem.parameters, lr=1e-3)
        self.order = torch.randperm(len(problem.rows))
        self.used = 0

    def step(self):
        batch = self.problem.batch
        if self.used + batch > len(self.order):
            self.order = torch.randperm(len(self.problem.rows))
            self.used = 0
        loss = self.problem.loss(self.order[self.used : self.used + batch])
        self.used += batch
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()


networks = {"autoencoder": Autoencoder, "lstm": LoadLstm}
training = Training(networks[sys.argv[1]](*read_data_sets(sys.argv[2], [int(count) for count in sys.argv[3:]])))
print(json.dumps({"ready": f"PyTorch {torch.__version__}"}), flush=True)

for line in sys.stdin:
    request = json.loads(line)
    start = time.perf_counter()
    for _ in range(request["steps"]):
        training.step()
    print(json.dumps({"seconds": [time.perf_counter() - start]}), flush=True)
