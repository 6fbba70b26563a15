"""Writes excess-mass.golden.json beside this file. Run by hand, never in CI:

    /usr/bin/python3 services/kenning/test/goldens/generate_excess_mass.py

Follows the definitions of Goix (2016), "How to evaluate the quality of unsupervised anomaly detection algorithms?",
sections 2 and 3, by brute force on fine grids of t and alpha, with volumes as shares of a uniform sample of the box.
Made with scikit-learn 1.2.1, NumPy 1.24.2 (Debian 12: python3-sklearn).
"""

import json
from pathlib import Path

import numpy as np
import sklearn
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import LocalOutlierFactor
from sklearn.svm import OneClassSVM

HERE = Path(__file__).parent
SEED = 20160701


def excess_mass_area(s_data, s_uniform, points=20_000):
    """Area under EM(t) = sup_u P(s(X) >= u) - t Leb(s >= u), from 0 to the first t with EM(t) <= 0.9."""
    levels = np.unique(s_data)
    mass = np.array([(s_data >= u).mean() for u in levels])
    volume = np.array([(s_uniform >= u).mean() for u in levels])

    def em(t):
        return max(0.0, (mass - t * volume).max())

    high = 1.0
    while em(high) > 0.9:
        high *= 2
    low = 0.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if em(middle) > 0.9 else (low, middle)
    grid = np.linspace(0, high, points)
    return float(np.trapz([em(t) for t in grid], grid))


def mass_volume_area(s_data, s_uniform, points=20_000):
    """Area under MV(alpha) = inf {Leb(s >= u): P(s(X) >= u) >= alpha}, alpha from 0.9 to 1."""
    levels = np.unique(s_data)
    mass = np.array([(s_data >= u).mean() for u in levels])
    volume = np.array([(s_uniform >= u).mean() for u in levels])
    width = 0.1 / points
    alphas = 0.9 + width * (np.arange(points) + 0.5)
    return float(sum(volume[mass >= alpha - 1e-12].min() for alpha in alphas) * width)


def main():
    rng = np.random.default_rng(SEED)
    data = np.vstack([rng.normal(size=(260, 2)), rng.normal([4, 0], 0.5, size=(120, 2)), rng.uniform(-6, 6, (20, 2))])
    uniform = rng.uniform(data.min(axis=0), data.max(axis=0), size=(1500, 2))
    models = {
        "isolation forest": IsolationForest(n_estimators=50, random_state=1).fit(data),
        "one-class SVM": OneClassSVM(nu=0.1, gamma=0.5).fit(data),
        "local outlier factor": LocalOutlierFactor(n_neighbors=20, novelty=True).fit(data),
    }
    cases = []
    for name, model in models.items():
        # Ours are higher where a point is more anomalous; scikit-learn's, and the paper's, are lower.
        s_data, s_uniform = (np.round(model.decision_function(rows), 6) for rows in (data, uniform))
        cases.append(
            {
                "name": name,
                "data": (-s_data).tolist(),
                "uniform": (-s_uniform).tolist(),
                "excessMassArea": excess_mass_area(s_data, s_uniform),
                "massVolumeArea": mass_volume_area(s_data, s_uniform),
            }
        )
    versions = {"sklearn": sklearn.__version__, "numpy": np.__version__}
    text = json.dumps({"versions": versions, "seed": SEED, "cases": cases})
    (HERE / "excess-mass.golden.json").write_text(text + "\n")


main()
