"""What a Python team would write: FastAPI, uvicorn, scikit-learn's IsolationForest, one vector a call."""
import sys

import numpy
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from sklearn.ensemble import IsolationForest

forest = IsolationForest(n_estimators=100, max_samples=256, random_state=1)
forest.fit(numpy.random.default_rng(1).normal(size=(5000, 7)))
app = FastAPI()


class Body(BaseModel):
    features: list[float]


@app.post("/predict")
def predict(body: Body):
    return {"score": float(-forest.score_samples(numpy.array([body.features]))[0])}


@app.get("/health")
def health():
    return {"status": "ok"}


uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error")
