"""feast_online.py REPO KEY...: applies and materializes a repository, and prints the online features of some users as JSON."""

import json
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

from feast import FeatureStore

repo, keys = sys.argv[1], [int(key) for key in sys.argv[2:]]
subprocess.run([Path(sys.executable).with_name("feast"), "apply"], cwd=repo, check=True, stdout=sys.stderr)
store = FeatureStore(repo_path=repo)
log, sys.stdout = sys.stdout, sys.stderr
store.materialize(datetime(2026, 1, 1, tzinfo=timezone.utc), datetime(2026, 12, 31, tzinfo=timezone.utc))
service = store.get_feature_service("churn_model_v1")
answer = store.get_online_features(features=service, entity_rows=[{"user_id": key} for key in keys]).to_dict()
json.dump(answer, log)
