"""Writes tree-shap.golden.json and shapley.golden.json beside this file. Run by hand, never in CI:

    /usr/bin/python3 packages/shared/test/goldens/generate_shapley.py

Written from the definitions, by enumeration of all coalitions: Shapley values as in Lundberg & Lee (2017), eq. 4;
v(S) of a tree as in Lundberg et al. (2020), Algorithm 1 (path-dependent), and as the mean over background rows
(interventional).
Made with NumPy 1.24.2 (Debian 12: python3-numpy). Seeds below.
"""

import json
from itertools import combinations
from math import factorial
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
TREE_SEED = 20200117
GAME_SEED = 20170507


def shapley(v, d):
    """phi_i = sum over S without i of |S|!(d-|S|-1)!/d! (v(S+i) - v(S)); v takes a frozenset."""
    known = {}

    def worth(coalition):
        key = frozenset(coalition)
        if key not in known:
            known[key] = v(key)
        return known[key]

    phi = np.zeros(d)
    for i in range(d):
        others = [j for j in range(d) if j != i]
        for size in range(d):
            weight = factorial(size) * factorial(d - size - 1) / factorial(d)
            for coalition in combinations(others, size):
                phi[i] += weight * (worth(set(coalition) | {i}) - worth(coalition))
    return worth(()), phi


def random_tree(rng, columns, rows, depth):
    """A node is (feature, threshold, left, right, cover) or (weight, cover). Splits at random values of the rows."""
    count = len(rows)
    if depth == 0 or count < 2 or rng.random() < 0.1:
        return {"weight": float(np.float32(rng.normal())), "cover": count}
    feature = int(rng.integers(columns))
    threshold = np.float32(rng.choice(rows[:, feature]))
    goes_left = rows[:, feature] <= threshold
    if goes_left.all():
        return {"weight": float(np.float32(rng.normal())), "cover": count}
    return {
        "feature": feature,
        "threshold": float(threshold),
        "left": random_tree(rng, columns, rows[goes_left], depth - 1),
        "right": random_tree(rng, columns, rows[~goes_left], depth - 1),
        "cover": count,
    }


def expvalue(node, x, coalition):
    """Lundberg et al. (2020), Algorithm 1."""
    if "weight" in node:
        return node["weight"]
    if node["feature"] in coalition:
        child = "left" if x[node["feature"]] <= np.float32(node["threshold"]) else "right"
        return expvalue(node[child], x, coalition)
    shares = [node[child]["cover"] * expvalue(node[child], x, coalition) for child in ("left", "right")]
    return sum(shares) / node["cover"]


def predict(node, x):
    return expvalue(node, x, range(len(x)))


def tree_goldens():
    rng = np.random.default_rng(TREE_SEED)
    forests = []
    for columns, trees, depth in ((1, 3, 4), (3, 6, 6), (5, 8, 9), (7, 10, 8)):
        data = rng.exponential(2.0, size=(64, columns)).astype(np.float32)
        # A column that is 0 mostly, as counts of rare things are.
        data[:, -1] = np.where(rng.random(64) < 0.7, 0, data[:, -1])
        forest = [random_tree(rng, columns, data, depth) for _ in range(trees)]
        background = data[:6]
        cases = []
        for x in np.vstack([data[10:13], rng.exponential(6.0, size=(3, columns)).astype(np.float32)]):

            def path(coalition):
                return sum(expvalue(tree, x, coalition) for tree in forest)

            def interventional(coalition):
                mixed = [np.where([j in coalition for j in range(columns)], x, z) for z in background]
                return np.mean([sum(predict(tree, row) for tree in forest) for row in mixed])

            path_base, path_phi = shapley(path, columns)
            base, phi = shapley(interventional, columns)
            cases.append(
                {
                    "row": [float(value) for value in x],
                    "value": path(frozenset(range(columns))),
                    "pathDependent": {"baseValue": path_base, "shapValues": path_phi.tolist()},
                    "interventional": {"baseValue": base, "shapValues": phi.tolist()},
                }
            )
        forests.append({"columns": columns, "trees": forest, "background": background.tolist(), "cases": cases})
    return {"seed": TREE_SEED, "numpy": np.__version__, "forests": forests}


def wavy(x):
    """A model with interactions; not observed counts as -1."""
    x = np.where(np.isnan(x), -1.0, x)
    d = len(x)
    return float(sum((j + 1) * x[j] for j in range(d)) + x[0] * x[1] + np.sin(x[d - 1] * x[1]) + abs(x[2] - x[0]))


def game_goldens():
    rng = np.random.default_rng(GAME_SEED)
    games = []
    for columns in (3, 5, 7, 8):
        background = rng.normal(size=(5, columns)).astype(np.float32)
        background[:, 0] = np.round(background[:, 0])
        background[1, 2] = np.nan
        cases = []
        for case in range(3):
            x = rng.normal(size=columns).astype(np.float32)
            x[0] = background[case, 0]
            if case > 0:
                x[2] = np.nan

            def worth(coalition):
                mixed = [np.where([j in coalition for j in range(columns)], x, z) for z in background]
                return np.mean([wavy(row.astype(np.float64)) for row in mixed])

            base, phi = shapley(worth, columns)
            cases.append({"row": nullable(x), "baseValue": base, "shapValues": phi.tolist()})
        games.append({"columns": columns, "background": [nullable(z) for z in background], "cases": cases})
    return {"seed": GAME_SEED, "numpy": np.__version__, "games": games}


def nullable(values):
    return [None if np.isnan(value) else float(value) for value in values]


def main():
    for name, content in (("tree-shap", tree_goldens()), ("shapley", game_goldens())):
        (HERE / f"{name}.golden.json").write_text(json.dumps(content) + "\n")


if __name__ == "__main__":
    main()
