"""What somebody does who has a registry's address and a model's name: load it, and ask.

`python served.py TRACKING MODEL ROWS.json` prints one line of JSON: the answers, and which modules
that are no requirement of the model were imported. Imports nothing but MLflow, NumPy and pandas.
"""

import json
import sys
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd


def main(tracking: str, model_uri: str, rows_file: str) -> None:
    """Load the model and answer; scores as hex, so that every bit is compared."""
    mlflow.set_tracking_uri(tracking)
    model = mlflow.pyfunc.load_model(model_uri)
    table = json.loads(Path(rows_file).read_text(encoding="utf-8"))
    rows = pd.DataFrame(table["data"], columns=table["columns"])
    answers = model.predict(rows).astype(object)
    scores = [float(score).hex() for score in answers.pop("score")]
    listed = answers.replace({np.nan: None}).to_dict("list")
    house = [name for name in sys.modules if name.partition(".")[0] in ("tasks", "flows", "shap")]
    example = model.predict(model.input_example)
    loader = model.metadata.flavors["python_function"]["loader_module"]
    result = {
        "score": scores,
        **listed,
        "house": house,
        "loader": loader,
        "example": example["decision"].tolist(),
    }
    sys.stdout.write(f"{json.dumps(result)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
