"""What MLflow's own client sees in a tracking store.

    mlflow_store.py read URI                    everything in it, as one line of JSON
    mlflow_store.py log URI EXPERIMENT NAME N   logs N runs, NAME-0 and on, as any user of that client would
    mlflow_store.py tables URI                  makes tables of the revision that trainer writes, by MLflow's migrations

A store in a file of an older revision is migrated by opening it. A NaN is told as the text "NaN".
"""

import json
import logging
import math
import os
import sqlite3
import sys

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
logging.disable(logging.WARNING)

import mlflow  # noqa: E402
from mlflow import MlflowClient  # noqa: E402

REVISION = "bda7b8c39065"


def number(value):
    return "NaN" if math.isnan(value) else value


def files(list_artifacts, folder=None):
    """Every file below a folder, by path."""
    paths = []
    for entry in list_artifacts(folder):
        paths += files(list_artifacts, entry.path) if entry.is_dir else [entry.path]
    return sorted(paths)


def run(client, info):
    run = client.get_run(info.run_id)
    paths = files(lambda folder: client.list_artifacts(info.run_id, folder))
    return {
        "id": info.run_id,
        "experiment_id": info.experiment_id,
        "status": info.status,
        "user": info.user_id,
        "start": info.start_time,
        "end": info.end_time,
        "params": run.data.params,
        "tags": run.data.tags,
        "metrics": {key: number(value) for key, value in run.data.metrics.items()},
        "history": {
            key: sorted([point.step, point.timestamp, number(point.value)] for point in client.get_metric_history(info.run_id, key))
            for key in run.data.metrics
        },
        "inputs": [
            {
                "context": {tag.key: tag.value for tag in given.tags}.get("mlflow.data.context"),
                "name": given.dataset.name,
                "digest": given.dataset.digest,
                "source": mlflow.data.get_source(given.dataset).to_dict(),
                "schema": json.loads(given.dataset.schema),
                "profile": json.loads(given.dataset.profile),
            }
            for given in run.inputs.dataset_inputs
        ],
        "outputs": [model.model_id for model in run.outputs.model_outputs] if run.outputs else [],
        "artifacts": {path: mlflow.artifacts.load_text(f"runs:/{info.run_id}/{path}") for path in paths},
    }


def model(client, logged):
    return {
        "id": logged.model_id,
        "name": logged.name,
        "status": str(logged.status),
        "run": logged.source_run_id,
        "params": logged.params,
        "tags": logged.tags,
        "metrics": {
            metric.key: [metric.value, metric.step, metric.dataset_name, metric.dataset_digest] for metric in logged.metrics or []
        },
        "artifacts": files(lambda folder: client.list_logged_model_artifacts(logged.model_id, folder)),
    }


def version(client, found):
    return {
        "version": int(found.version),
        "source": found.source,
        "run": found.run_id,
        "status": found.status,
        "stage": found.current_stage,
        "description": found.description,
        "tags": found.tags,
        "aliases": list(found.aliases),
        "MLmodel": mlflow.artifacts.load_text(f"models:/{found.name}/{found.version}/MLmodel"),
    }


def read(uri):
    client = MlflowClient(uri)
    experiments = client.search_experiments()
    ids = [experiment.experiment_id for experiment in experiments]
    told = {
        "experiments": {experiment.name: experiment.artifact_location for experiment in experiments},
        "runs": {info.run_name: run(client, info) for info in (found.info for found in client.search_runs(ids, max_results=5000))},
        "models": [model(client, client.get_logged_model(found.model_id)) for found in client.search_logged_models(ids)],
        "registered": {
            entry.name: {
                "description": entry.description,
                "aliases": {alias: int(number) for alias, number in client.get_registered_model(entry.name).aliases.items()},
                "versions": [
                    version(client, client.get_model_version(entry.name, found.version))
                    for found in sorted(client.search_model_versions(f"name='{entry.name}'"), key=lambda found: int(found.version))
                ],
            }
            for entry in client.search_registered_models()
        },
    }
    with sqlite3.connect(uri.removeprefix("sqlite:///")) as file:
        told["revision"] = file.execute("SELECT version_num FROM alembic_version").fetchone()[0]
        told["integrity"] = file.execute("PRAGMA integrity_check").fetchone()[0]
        told["foreign_keys"] = file.execute("PRAGMA foreign_key_check").fetchall()
    return told


def log(uri, experiment, name, count):
    mlflow.set_tracking_uri(uri)
    mlflow.set_experiment(experiment)
    for at in range(int(count)):
        with mlflow.start_run(run_name=f"{name}-{at}"):
            mlflow.log_param("at", at)
            mlflow.log_metrics({"loss": 1 / (at + 1), "accuracy": 0.5}, step=at)
    return {"logged": int(count)}


def tables(uri):
    import alembic.command
    import sqlalchemy
    from mlflow.store.db.utils import _get_alembic_config
    from mlflow.store.tracking.dbmodels.initial_models import Base

    engine = sqlalchemy.create_engine(uri)
    Base.metadata.create_all(engine)
    config = _get_alembic_config(uri)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, REVISION)
    engine.dispose()
    return {"revision": REVISION}


if __name__ == "__main__":
    mlflow.set_tracking_uri(sys.argv[2])
    mlflow.set_registry_uri(sys.argv[2])
    print(json.dumps({"read": read, "log": log, "tables": tables}[sys.argv[1]](*sys.argv[2:])))
