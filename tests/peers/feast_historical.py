"""feast_historical.py REPO LABELS SERVICE OUT: Feast's own point-in-time join, from CSV to CSV."""

import sys

import pandas as pd
from feast import FeatureStore

repo, labels, service, out = sys.argv[1:]
store = FeatureStore(repo_path=repo)
frame = pd.read_csv(labels)
frame["event_timestamp"] = pd.to_datetime(frame["event_timestamp"], utc=True)
joined = store.get_historical_features(entity_df=frame, features=store.get_feature_service(service)).to_df()
joined["event_timestamp"] = joined["event_timestamp"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
joined.to_csv(out, index=False)
