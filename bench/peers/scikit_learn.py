"""Peer of the benchmarks of detectors: scikit-learn, asked over stdin, one JSON object a line.

argv: the model, path of a raw little-endian float32 file, its number of columns.
{"task": "fit", "rows": n} fits the first n rows (all unless given); {"task": "score", "rows": n, "repeat": r} scores the first
n rows r times with the last fit. Each answer is {"seconds": [...]}, one number a repetition.
"""

import json
import sys
import time

import numpy as np
import sklearn
from sklearn.ensemble import IsolationForest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM


def isolation_forest(seed):
    return IsolationForest(n_estimators=100, max_samples=256, random_state=seed)


def one_class_svm(_):
    """scikit-learn's own tolerance."""
    return make_pipeline(StandardScaler(), OneClassSVM(kernel="rbf", nu=0.5, gamma="scale", tol=1e-3, cache_size=200))


create = {"isolation-forest": isolation_forest, "one-class-svm": one_class_svm}[sys.argv[1]]
rows = np.fromfile(sys.argv[2], dtype="<f4").reshape(-1, int(sys.argv[3]))
print(json.dumps({"ready": f"scikit-learn {sklearn.__version__}"}), flush=True)
model = None

for line in sys.stdin:
    request = json.loads(line)
    first = rows[: request.get("rows", len(rows))]
    seconds = []
    for repetition in range(request.get("repeat", 1)):
        start = time.perf_counter()
        if request["task"] == "fit":
            model = create(repetition).fit(first)
        else:
            model.score_samples(first)
        seconds.append(time.perf_counter() - start)
    print(json.dumps({"seconds": seconds}), flush=True)
