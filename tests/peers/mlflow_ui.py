"""Pictures of MLflow's own pages on a store, taken with a headless Chromium.

    mlflow_ui.py STORE FOLDER MODEL [ALIAS]

STORE is the SQLite file of an embedded store; the pages are those of the version of MODEL behind ALIAS (champion), of
the run that made it, with its metrics and one of its plots, and of the registered model. Writes FOLDER/PAGE.png and tells the text of each page as JSON.
"""

import contextlib
import html.parser
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"

from mlflow import MlflowClient  # noqa: E402

# A page that is opened at the name of this machine is half covered by an assistant that is there for its owner.
HOST = "mlflow.test"
SIZE = "1400,1000"
TRIES = 4


def pages(store, model, alias):
    """Path of each page, with a word that shows that it is loaded."""
    client = MlflowClient(f"sqlite:///{store}")
    version = client.get_model_version_by_alias(model, alias)
    run = client.get_run(version.run_id)
    at = f"/experiments/{run.info.experiment_id}/runs/{version.run_id}"
    training = "?workflowType=machine_learning"
    plot = next((path for path in files(client, version.run_id) if path.endswith((".svg", ".png"))), "")
    return {
        "run": (at + training, "Finished"),
        "metrics": (f"{at}/model-metrics{training}", "Add chart"),
        "artifacts": (f"{at}/artifacts/{plot}{training}", plot.rpartition("/")[2]),
        "model": (f"/models/{model}{training}", f"Version {version.version}"),
        "version": (f"/models/{model}/versions/{version.version}{training}", "Source Run"),
    }


def files(client, run_id, folder=None):
    """The paths of a run's files."""
    for entry in client.list_artifacts(run_id, folder):
        yield from files(client, run_id, entry.path) if entry.is_dir else [entry.path]


@contextlib.contextmanager
def server(store):
    """`mlflow ui` on the store; its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", f"sqlite:///{store}", "--port", str(port)]
    command += ["--workers", "1", "--allowed-hosts", f"{HOST}:{port},127.0.0.1:{port}", "--cors-allowed-origins", f"http://{HOST}:{port}"]
    log = tempfile.TemporaryFile()
    process = subprocess.Popen(command, stdout=log, stderr=log, cwd=store.parent, start_new_session=True)
    try:
        wait(process, port, log)
        yield port
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def wait(process, port, log):
    for _ in range(600):
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/health"):
            return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    log.seek(0)
    sys.exit(f"mlflow ui does not answer:\n{log.read().decode()}")


def look(url, png):
    """Takes the picture; returns the page's text."""
    with tempfile.TemporaryDirectory() as profile:
        command = [shutil.which("chromium") or "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        command += [f"--host-resolver-rules=MAP {HOST} 127.0.0.1", f"--user-data-dir={profile}", f"--window-size={SIZE}"]
        command += ["--virtual-time-budget=20000", "--dump-dom", f"--screenshot={png}", url]
        dom = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    text = Text()
    text.feed(dom)
    return " ".join(" ".join(text.parts).split())


class Text(html.parser.HTMLParser):
    """What a reader sees of a page."""

    def __init__(self):
        super().__init__()
        self.parts, self.hidden = [], 0

    def handle_starttag(self, tag, attrs):
        self.hidden += tag in ("script", "style")

    def handle_endtag(self, tag):
        self.hidden -= tag in ("script", "style")

    def handle_data(self, data):
        if not self.hidden:
            self.parts.append(data)


def main(store, folder, model, alias="champion"):
    store, folder = pathlib.Path(store).absolute(), pathlib.Path(folder).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    wanted = pages(store, model, alias)
    told = {}
    with server(store) as port:
        for name, (path, word) in wanted.items():
            for _ in range(TRIES):
                told[name] = look(f"http://{HOST}:{port}/#{path}", folder / f"{name}.png")
                if word in told[name]:
                    break
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
