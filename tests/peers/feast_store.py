"""feast_store.py REPO LABELS OUT KEY...: Feast itself on a repository of the churn sample's views.

Applies and materializes it, prints the online features of some users as JSON, and writes its own point-in-time join of
LABELS (CSV) to OUT (CSV). One process, as most of its time is Feast's start.
"""

import json
import sys
from datetime import datetime, timezone

import pandas as pd
from feast import FeatureStore

repo, labels, out = sys.argv[1:4]
keys = [int(key) for key in sys.argv[4:]]
log, sys.stdout = sys.stdout, sys.stderr
sys.path.insert(0, repo)
sys.dont_write_bytecode = True
import definitions  # noqa: E402

store = FeatureStore(repo_path=repo)
store.apply([definitions.user, definitions.user_features, definitions.churn_model_v1])
store.materialize(datetime(2026, 1, 1, tzinfo=timezone.utc), datetime(2026, 12, 31, tzinfo=timezone.utc))
service = store.get_feature_service("churn_model_v1")
answer = store.get_online_features(features=service, entity_rows=[{"user_id": key} for key in keys]).to_dict()
json.dump(answer, log)

frame = pd.read_csv(labels)
frame["event_timestamp"] = pd.to_datetime(frame["event_timestamp"], utc=True)
joined = store.get_historical_features(entity_df=frame, features=service).to_df()
joined["event_timestamp"] = joined["event_timestamp"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
joined.to_csv(out, index=False)
