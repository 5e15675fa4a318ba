"""Pictures of MLflow's own pages on a store, taken with a headless Chromium.

    mlflow_ui.py STORE FOLDER MODEL [ALIAS]

STORE is the SQLite file of an embedded store; the pages are those of the version of MODEL behind ALIAS (champion), of
the run that made it, with its metrics and one of its plots, and of the registered model. Writes FOLDER/PAGE.png and tells the text of each page as JSON.
"""

import base64
import contextlib
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
PATIENCE_S = 60
# Charts are drawn a moment after their words.
SETTLED_S = 1.0
# What a reader sees of a page.
TEXT = """(() => {
    const copy = document.body.cloneNode(true), parts = [];
    copy.querySelectorAll("script, style, noscript").forEach((hidden) => hidden.remove());
    copy.normalize();
    const walk = document.createTreeWalker(copy, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) parts.push(walk.currentNode.data);
    return parts.join(" ");
})()"""


def pages(store, model, alias):
    """Path of each page, with words that are there when all of it is loaded."""
    client = MlflowClient(f"sqlite:///{store}")
    version = client.get_model_version_by_alias(model, alias)
    run = client.get_run(version.run_id).info
    name = run.run_name
    at = f"/experiments/{run.experiment_id}/runs/{version.run_id}"
    training = "?workflowType=machine_learning"
    plot = next((path for path in files(client, version.run_id) if path.endswith((".svg", ".png"))), "")
    return {
        "run": (at + training, [name, "Finished", "Metrics (", "Parameters (", f"{model} v{version.version}"]),
        "metrics": (f"{at}/model-metrics{training}", ["Add chart", "Step"]),
        "artifacts": (f"{at}/artifacts/{plot}{training}", ["Path:", plot.rpartition("/")[2]]),
        "model": (f"/models/{model}{training}", [f"Version {version.version}", f"@ {alias}"]),
        "version": (f"/models/{model}/versions/{version.version}{training}", [f"Source Run : {name}", f"@ {alias}", "Schema"]),
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


class Browser:
    """A headless Chromium, spoken to in its own protocol over a pair of pipes."""

    def __init__(self):
        command = [shutil.which("chromium") or "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        command += [f"--host-resolver-rules=MAP {HOST} 127.0.0.1", f"--window-size={SIZE}", "--remote-debugging-pipe"]
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        command += [f"--user-data-dir={self.profile.name}"]
        asked, self.ask = os.pipe()
        self.told, tell = os.pipe()
        # It reads from 3 and writes to 4.
        command = ["bash", "-c", f'exec "$@" 3<&{asked} 4>&{tell}', "bash", *command]
        self.process = subprocess.Popen(command, pass_fds=(asked, tell), stderr=subprocess.DEVNULL)
        os.close(asked), os.close(tell)
        self.count, self.rest = 0, b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.profile.cleanup()

    def call(self, method, session=None, **params):
        """What the browser answers to one call."""
        self.count += 1
        message = {"id": self.count, "method": method, "params": params} | ({"sessionId": session} if session else {})
        os.write(self.ask, json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self.rest:
                more = os.read(self.told, 1 << 20)
                if not more:
                    sys.exit("the browser has ended")
                self.rest += more
            answer, _, self.rest = self.rest.partition(b"\0")
            answer = json.loads(answer)
            if answer.get("id") == self.count:
                return answer["result"]

    def look(self, url, words, png):
        """Takes the picture when all the words are there, or after a while without; returns the page's text."""
        target = self.call("Target.createTarget", url=url)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        limit = time.monotonic() + PATIENCE_S
        while time.monotonic() < limit:
            found = self.call("Runtime.evaluate", session, expression=TEXT, returnByValue=True)["result"]
            text = " ".join(found.get("value", "").split())
            if all(word in text for word in words):
                break
            time.sleep(0.2)
        time.sleep(SETTLED_S)
        png.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", session, format="png")["data"]))
        self.call("Target.closeTarget", targetId=target)
        return text


def main(store, folder, model, alias="champion"):
    store, folder = pathlib.Path(store).absolute(), pathlib.Path(folder).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    wanted = pages(store, model, alias)
    told = {}
    with server(store) as port, Browser() as browser:
        for name, (path, words) in wanted.items():
            told[name] = browser.look(f"http://{HOST}:{port}/#{path}", words, folder / f"{name}.png")
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
