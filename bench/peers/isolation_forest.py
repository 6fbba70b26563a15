"""Peer of the isolation forest benchmarks: scikit-learn, asked over stdin, one JSON object a line.

argv: path of a raw little-endian float32 file, its number of columns.
{"task": "fit"} fits all rows; {"task": "score", "rows": n, "repeat": r} scores the first n rows r times.
Each answer is {"seconds": [...]}, one number a repetition.
"""

import json
import sys
import time

import numpy as np
import sklearn
from sklearn.ensemble import IsolationForest

rows = np.fromfile(sys.argv[1], dtype="<f4").reshape(-1, int(sys.argv[2]))
print(json.dumps({"ready": f"scikit-learn {sklearn.__version__}"}), flush=True)
model = None

for line in sys.stdin:
    request = json.loads(line)
    seconds = []
    for repetition in range(request.get("repeat", 1)):
        start = time.perf_counter()
        if request["task"] == "fit":
            model = IsolationForest(n_estimators=100, max_samples=256, random_state=repetition).fit(rows)
        else:
            model.score_samples(rows[: request["rows"]])
        seconds.append(time.perf_counter() - start)
    print(json.dumps({"seconds": seconds}), flush=True)
