"""Writes lime.golden.json beside this file. Run by hand, never in CI:

    /usr/bin/python3 services/predictor/test/goldens/generate_lime.py

LIME's weighted ridge as in Ribeiro et al. (2016), section 3.4, by the normal equations.
Made with NumPy 1.24.2 (Debian 12: python3-numpy). Seed below.
"""

import json
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
LIME_SEED = 20160216


def lime_goldens():
    rng = np.random.default_rng(LIME_SEED)
    fits = []
    for columns, samples in ((2, 30), (7, 200)):
        kept = rng.integers(0, 2, size=(samples, columns))
        kept[0] = 1
        target = kept @ rng.normal(size=columns) + rng.normal(scale=0.3, size=samples)
        width = 0.75 * np.sqrt(columns)
        weights = np.exp(-(columns - kept.sum(axis=1)) / width**2)
        ridge = 1.0
        # The intercept is not penalised: centre by the weighted means, as scikit-learn's Ridge does.
        x_mean = np.average(kept, axis=0, weights=weights)
        y_mean = np.average(target, weights=weights)
        x, y = kept - x_mean, target - y_mean
        normal = x.T @ (weights[:, None] * x) + ridge * np.eye(columns)
        coefficients = np.linalg.solve(normal, x.T @ (weights * y))
        intercept = y_mean - x_mean @ coefficients
        residual = target - intercept - kept @ coefficients
        r2 = 1 - (weights @ residual**2) / (weights @ y**2)
        fits.append(
            {
                "columns": columns,
                "kept": kept.tolist(),
                "target": target.tolist(),
                "ridge": ridge,
                "kernelWidth": width,
                "weights": weights.tolist(),
                "coefficients": coefficients.tolist(),
                "intercept": float(intercept),
                "r2": float(r2),
            }
        )
    return {"seed": LIME_SEED, "numpy": np.__version__, "fits": fits}


if __name__ == "__main__":
    (HERE / "lime.golden.json").write_text(json.dumps(lime_goldens()) + "\n")
