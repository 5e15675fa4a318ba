"""What `feast apply` made data/registry.db from (Feast 0.67)."""

from datetime import timedelta

from feast import Entity, FeatureService, FeatureView, Field, FileSource, ValueType
from feast.types import Float64, Int64

user = Entity(name="user", join_keys=["user_id"], value_type=ValueType.INT64)

user_features_source = FileSource(
    name="user_features_source",
    path="data/user_features.parquet",
    timestamp_field="event_timestamp",
    created_timestamp_column="created",
)

user_features = FeatureView(
    name="user_features",
    entities=[user],
    ttl=timedelta(days=45),
    schema=[
        Field(name="total_purchases", dtype=Int64),
        Field(name="avg_purchase_amount", dtype=Float64),
        Field(name="tenure_months", dtype=Int64),
    ],
    source=user_features_source,
)

churn_model_v1 = FeatureService(name="churn_model_v1", features=[user_features])
