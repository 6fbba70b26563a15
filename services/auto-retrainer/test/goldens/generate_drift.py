"""Writes drift.golden.json beside this file. Run by hand, never in CI:

    /usr/bin/python3 services/auto-retrainer/test/goldens/generate_drift.py

Made with SciPy 1.10.1, scikit-learn 1.2.1, NumPy 1.24.2 (Debian 12: python3-scipy, python3-sklearn).
"""

import json
from pathlib import Path

import numpy as np
from scipy import special, stats
from sklearn.feature_selection import SelectFdr
from sklearn.metrics.pairwise import rbf_kernel

SEED = 20261126
rng = np.random.default_rng(SEED)


def two_samples():
    cases = []
    for left, right, shift, decimals in [(30, 20, 0, 9), (50, 80, 0.6, 9), (40, 40, 0.3, 1), (7, 3, 1, 9), (200, 300, 0.2, 9)]:
        a = np.round(rng.normal(size=left), decimals)
        b = np.round(rng.normal(shift, 1.3, size=right), decimals)
        ks = stats.ks_2samp(a, b, method="exact")
        cases.append(
            {
                "left": a.tolist(),
                "right": b.tolist(),
                "ks": ks.statistic,
                "exactPValue": ks.pvalue,
                "wasserstein": stats.wasserstein_distance(a, b),
            }
        )
    return cases


def population_stability():
    """No ties, so that the tenths of the pooled values are plain; 0.5 is added to each count."""
    a, b = rng.normal(size=60), rng.normal(0.5, 1.2, size=40)
    bins = np.array_split(np.sort(np.concatenate([a, b])), 10)
    p = np.array([np.isin(part, a).sum() + 0.5 for part in bins]) / (60 + 5)
    q = np.array([np.isin(part, b).sum() + 0.5 for part in bins]) / (40 + 5)
    return {"left": a.tolist(), "right": b.tolist(), "value": stats.entropy(p, q) + stats.entropy(q, p)}


def proportions():
    tables = [(0, 50, 0, 30), (2, 50, 9, 40), (10, 1000, 40, 900), (0, 100, 5, 100), (3, 5, 0, 4), (500, 1000, 505, 1010)]
    return [
        [m1, n1, m2, n2, stats.fisher_exact([[m1, n1 - m1], [m2, n2 - m2]]).pvalue] for m1, n1, m2, n2 in tables
    ]


def false_discovery():
    """Which p-values scikit-learn selects at each rate."""
    p = np.sort(np.concatenate([rng.uniform(size=20), rng.uniform(0, 0.01, size=6)]))
    rng.shuffle(p)
    selected = {}
    for rate in [0.01, 0.05, 0.1, 0.2, 0.5]:
        selector = SelectFdr(lambda x, y: (np.zeros(len(p)), p), alpha=rate)
        selector.fit(np.zeros((2, len(p))), [0, 1])
        selected[str(rate)] = selector.get_support().tolist()
    return {"pValues": p.tolist(), "selected": selected}


def mmd():
    x, y = rng.normal(size=(25, 3)), rng.normal(0.4, 1, size=(35, 3))
    gamma = 0.3
    kxx, kyy, kxy = rbf_kernel(x, x, gamma), rbf_kernel(y, y, gamma), rbf_kernel(x, y, gamma)
    value = (
        (kxx.sum() - np.trace(kxx)) / (25 * 24) + (kyy.sum() - np.trace(kyy)) / (35 * 34) - 2 * kxy.mean()
    )
    return {"x": x.ravel().tolist(), "y": y.ravel().tolist(), "columns": 3, "twoSigmaSquared": 1 / gamma, "value": value}


def ranks():
    values = np.round(rng.normal(size=40), 1)
    return {"values": values.tolist(), "ranks": ((stats.rankdata(values) - 0.5) / len(values)).tolist()}


def binomial_bounds():
    rows = []
    for k, n in [(0, 10), (1, 100), (5, 200), (37, 1000), (10, 10)]:
        ci = stats.binomtest(k, n).proportion_ci(0.9, "exact")
        rows.append([k, n, ci.low, ci.high])
    return rows


BETS = [(0.25, 1), (0.5, 1), (0.75, 1), (1, 0.25), (1, 0.5), (1, 0.75), (0.5, 0.5), (2, 2)]
TAILS = [2, 4]
ALERT_RATE = 0.05


def martingale():
    """The mixture over all starting moments and all bets, summed up as it is defined."""
    u = np.concatenate([rng.uniform(size=60), rng.beta(0.4, 1, size=60)])
    n = len(u)
    kept = lambda steps: 1 / np.log2(steps + 2)
    log_values = []
    tail = lambda times: np.where(u <= ALERT_RATE, times, (1 - times * ALERT_RATE) / (1 - ALERT_RATE))
    factors = np.array([stats.beta.logpdf(u, a, b) for a, b in BETS] + [np.log(tail(times)) for times in TAILS])
    for end in range(1, n + 1):
        terms = [np.log(kept(end))]
        for start in range(1, end + 1):
            share = kept(start - 1) - kept(start)
            terms += list(np.log(share / len(factors)) + factors[:, start - 1 : end].sum(axis=1))
        log_values.append(special.logsumexp(terms))
    return {"pValues": u.tolist(), "logValues": log_values, "alertRate": ALERT_RATE}


golden = {
    "twoSamples": two_samples(),
    "kolmogorov": [[x, special.kolmogorov(x)] for x in [0.2, 0.5, 0.8, 0.99, 1.0, 1.36, 2.0, 3.5]],
    "populationStability": population_stability(),
    "proportions": proportions(),
    "falseDiscovery": false_discovery(),
    "mmd": mmd(),
    "ranks": ranks(),
    "binomialBounds": binomial_bounds(),
    "martingale": martingale(),
}
path = Path(__file__).with_name("drift.golden.json")
path.write_text(json.dumps(golden) + "\n")
