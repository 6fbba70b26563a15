"""Peer of the one-class SVM benchmark: scikit-learn, asked over stdin, one JSON object a line.

argv: path of a raw little-endian float32 file, its number of columns.
{"task": "fit", "rows": n} standardises and fits the first n rows, ν = 0.5, γ = scale, scikit-learn's own tolerance of 1e-3;
{"task": "score", "rows": n, "repeat": r} standardises and scores the first n rows r times with the last fit.
Each answer is {"seconds": [...]}, one number a repetition.
"""

import json
import sys
import time

import numpy as np
import sklearn
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM

rows = np.fromfile(sys.argv[1], dtype="<f4").reshape(-1, int(sys.argv[2]))
print(json.dumps({"ready": f"scikit-learn {sklearn.__version__}"}), flush=True)
model = None

for line in sys.stdin:
    request = json.loads(line)
    seconds = []
    for repetition in range(request.get("repeat", 1)):
        start = time.perf_counter()
        if request["task"] == "fit":
            model = make_pipeline(StandardScaler(), OneClassSVM(kernel="rbf", nu=0.5, gamma="scale", tol=1e-3, cache_size=200))
            model.fit(rows[: request["rows"]])
        else:
            model.decision_function(rows[: request["rows"]])
        seconds.append(time.perf_counter() - start)
    print(json.dumps({"seconds": seconds}), flush=True)
