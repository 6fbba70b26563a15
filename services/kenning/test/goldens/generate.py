"""Writes the goldens beside this file. Run by hand, never in CI:

    /usr/bin/python3 services/kenning/test/goldens/generate.py

Made with scikit-learn 1.2.1, SciPy 1.10.1, NumPy 1.24.2 (Debian 12: python3-sklearn, python3-scipy).
"""

import json
from pathlib import Path

import numpy as np
import scipy
import sklearn
from scipy.stats import betabinom
from sklearn.ensemble import IsolationForest
from sklearn.ensemble._iforest import _average_path_length
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM

HERE = Path(__file__).parent
VERSIONS = {"sklearn": sklearn.__version__, "scipy": scipy.__version__, "numpy": np.__version__}
SEED = 20260101
FOREST_SEEDS = range(30)


def write(name, **content):
    (HERE / f"{name}.golden.json").write_text(json.dumps({"versions": VERSIONS, **content}) + "\n")


def isolation_forest():
    rng = np.random.default_rng(SEED)
    inliers = rng.normal(size=(360, 4))
    inliers[:, 1] = np.exp(inliers[:, 1])
    inliers[:, 2] = np.round(inliers[:, 2])
    outliers = rng.uniform(-6, 6, size=(40, 4))
    rows = np.round(np.vstack([inliers, outliers]), 3).astype(np.float32)
    scores = [
        -IsolationForest(n_estimators=100, max_samples=256, random_state=seed).fit(rows).score_samples(rows)
        for seed in FOREST_SEEDS
    ]
    sizes = [1, 2, 3, 4, 10, 100, 256, 100000]
    write(
        "isolation-forest",
        seed=SEED,
        forestSeeds=len(FOREST_SEEDS),
        columns=4,
        rows=[float(str(value)) for value in rows.ravel()],
        meanScores=np.round(np.mean(scores, axis=0), 6).tolist(),
        averagePathLength=[[n, float(_average_path_length(np.array([n]))[0])] for n in sizes],
    )


def beta_binomial():
    cases = []
    for m, n, alarm_rate, k in [
        (1000, 99, 0.01, 1),
        (1000, 999, 0.01, 10),
        (1000, 999, 0.05, 50),
        (5000, 3000, 0.01, 30),
        (5000, 3000, 0.05, 150),
        (20000, 10000, 0.05, 500),
        (37, 99, 0.29, 29),
        (200, 9, 0.9, 9),
    ]:
        law = betabinom(m, k, n + 1 - k)
        probe = sorted({0, m // 100, m // 20, m // 2})
        cases.append({
            "testedRows": m, "calibrationRows": n, "alarmRate": alarm_rate,
            "low": int(law.ppf(0.005)), "high": int(law.ppf(0.995)),
            "cumulative": [[x, float(law.cdf(x))] for x in probe],
        })
    write("beta-binomial", cases=cases)


def nearest_neighbours():
    rng = np.random.default_rng(SEED)
    training = np.round(rng.normal(size=(300, 4)) * [1, 10, 0.01, 1] + [0, 5, 1000, 0], 3).astype(np.float32)
    training[:, 3] = 2
    training[280:] = training[:20]
    scored = np.round(rng.normal(size=(60, 4)) * [3, 20, 0.02, 0] + [0, 5, 1000, 2], 3).astype(np.float32)
    scored[:20] = training[:20]
    scaler = StandardScaler().fit(training.astype(np.float64))
    # Fitted on all rows, but neighbours are different rows only.
    neighbours = NearestNeighbors(n_neighbors=5).fit(np.unique(scaler.transform(training.astype(np.float64)), axis=0))
    distances, _ = neighbours.kneighbors(scaler.transform(scored.astype(np.float64)))
    write(
        "nearest-neighbours",
        seed=SEED,
        columns=4,
        training=[float(str(value)) for value in training.ravel()],
        scored=[float(str(value)) for value in scored.ravel()],
        scores=distances[:, -1].tolist(),
    )


def one_class_svm():
    rng = np.random.default_rng(SEED)
    rows = rng.normal(size=(250, 4))
    rows[:, 1] = np.exp(rows[:, 1])
    rows[:, 2] = np.round(rows[:, 2])
    rows[:, 3] = 7
    rows[:20, 0] *= 8
    rows = np.round(rows, 3).astype(np.float32)
    training = rows[:203]
    scaler = StandardScaler().fit(training.astype(np.float64))
    # ν·203 is no whole number: at least one α lies between its bounds, and that fixes ρ.
    cases = []
    for nu in [0.01, 0.1, 0.5, 0.9]:
        for gamma in ["scale", 0.05, 2.0]:
            svm = OneClassSVM(kernel="rbf", nu=nu, gamma=gamma, tol=1e-8).fit(scaler.transform(training.astype(np.float64)))
            cases.append({
                "nu": nu, "gamma": gamma, "usedGamma": float(svm._gamma), "supportVectors": len(svm.support_),
                "decisions": np.round(svm.decision_function(scaler.transform(rows.astype(np.float64))), 6).tolist(),
            })
    write(
        "one-class-svm",
        seed=SEED,
        columns=4,
        trainingRows=len(training),
        rows=[float(str(value)) for value in rows.ravel()],
        cases=cases,
    )


def ranking():
    rng = np.random.default_rng(SEED)
    cases = []
    for rows, levels, share in [(40, None, 0.2), (200, 5, 0.3), (200, 1, 0.5), (57, 3, 0.02), (300, 40, 0.9), (2, None, 0.5)]:
        labels = (rng.uniform(size=rows) < share).astype(int)
        labels[:2] = [0, 1]
        scores = rng.normal(size=rows) + labels
        # Few levels: many ties, between the kinds too.
        scores = np.round(scores, 6) if levels is None else np.floor(levels * (scores - scores.min()) / np.ptp(scores) / 1.0001)
        cases.append({
            "scores": scores.tolist(), "labels": labels.tolist(),
            "auroc": roc_auc_score(labels, scores), "averagePrecision": average_precision_score(labels, scores),
        })
    write("ranking", seed=SEED, cases=cases)


isolation_forest()
beta_binomial()
nearest_neighbours()
one_class_svm()
ranking()
