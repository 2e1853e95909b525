"""What people do with MLflow day by day, as the account that may only write rows.

A program of its own, since MLflow keeps its address for the whole process: it ends with 0 if all of
it works. Arguments: the database, and a folder for artifacts.
"""

import sys

import mlflow
import mlflow.genai.datasets
import numpy as np
import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from sklearn.linear_model import LogisticRegression


def use_experiments(client: MlflowClient, folder: str) -> str:
    experiment = client.create_experiment("used", artifact_location=folder, tags={"a": "b"})
    client.set_experiment_tag(experiment, "x", "y")
    client.delete_experiment_tag(experiment, "x")
    other = client.create_experiment("with a place by default")
    client.rename_experiment(other, "renamed")
    client.delete_experiment(other)
    client.restore_experiment(other)
    assert len(client.search_experiments()) == 3
    return str(experiment)


def use_runs(client: MlflowClient, experiment: str) -> str:
    run_id: str = client.create_run(experiment, tags={"t": "1"}).info.run_id
    client.log_param(run_id, "p", "1")
    client.log_batch(
        run_id,
        metrics=[Metric("m", float(step), step, step) for step in range(20)],
        params=[Param(f"q{number}", "1") for number in range(20)],
        tags=[RunTag(f"t{number}", "x") for number in range(20)],
    )
    client.log_metric(run_id, "m", 30.0, step=30)
    client.set_tag(run_id, "t", "2")
    client.delete_tag(run_id, "t")
    client.update_run(run_id, name="renamed")
    assert len(client.get_metric_history(run_id, "m")) == 21
    with mlflow.start_run(run_id=run_id):
        rows = mlflow.data.from_pandas(pd.DataFrame({"a": [1, 2]}), name="rows")
        mlflow.log_input(rows, context="training")
        mlflow.log_text("text", "a.txt")
    wanted = "metrics.m > 1 and params.p = '1'"
    assert len(client.search_runs([experiment], wanted, order_by=["metrics.m DESC"])) == 1
    client.delete_run(run_id)
    client.restore_run(run_id)
    return run_id


def use_logged_models(client: MlflowClient, experiment: str, run_id: str) -> None:
    model = client.create_logged_model(
        experiment, name="m", source_run_id=run_id, tags={"a": "b"}, params={"x": "1"}
    )
    client.set_logged_model_tags(model.model_id, {"z": "1"})
    client.delete_logged_model_tag(model.model_id, "z")
    client.log_metric(run_id, "accuracy", 0.5, model_id=model.model_id)
    client.finalize_logged_model(model.model_id, "READY")
    assert len(mlflow.search_logged_models(experiment_ids=[experiment])) == 1
    client.delete_logged_model(model.model_id)
    mlflow.set_experiment("used")
    with mlflow.start_run():
        mlflow.sklearn.log_model(LogisticRegression().fit(np.eye(2), [0, 1]), name="sk")


def use_traces(client: MlflowClient, experiment: str) -> None:
    mlflow.trace(lambda number: number + 1)(1)
    mlflow.flush_trace_async_logging()
    trace_id = mlflow.search_traces(locations=[experiment]).iloc[0]["trace_id"]
    client.set_trace_tag(trace_id, "k", "v")
    client.delete_trace_tag(trace_id, "k")
    mlflow.log_feedback(trace_id=trace_id, name="good", value=True)
    client.delete_traces(experiment, trace_ids=[trace_id])


def use_datasets(experiment: str) -> None:
    dataset = mlflow.genai.datasets.create_dataset(name="asked", experiment_id=experiment)
    dataset.merge_records([{"inputs": {"q": "1"}, "expectations": {"a": "2"}}])
    mlflow.genai.datasets.set_dataset_tags(dataset.dataset_id, {"t": "v"})
    mlflow.genai.datasets.delete_dataset(dataset_id=dataset.dataset_id)


def main(database: str, folder: str) -> None:
    mlflow.set_tracking_uri(database)
    client = MlflowClient()
    experiment = use_experiments(client, folder)
    run_id = use_runs(client, experiment)
    use_logged_models(client, experiment, run_id)
    use_traces(client, experiment)
    use_datasets(experiment)
    client.delete_experiment(experiment)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
