"""What scikit-learn (and numpy, where it has no such thing) makes of the cases of tests/steps.rs.

Argument: a folder. Writes `rows.csv` and `cases.json` there: how many rows are for fitting, and for each case its name,
the columns, the steps as a config has them, and the columns that must come out, `null` = missing.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.feature_extraction import FeatureHasher
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import KBinsDiscretizer, MinMaxScaler, OneHotEncoder, OrdinalEncoder, StandardScaler, TargetEncoder

FITTED = 700
rng = np.random.default_rng(20260101)
rows = 997


def gaps(values):
    return np.where(rng.random(rows) < 0.1, np.nan, values)


names = np.array(["Bern", "Ulm", "Linz", "Åre", "graz", "B"], dtype=object)
city = names[np.minimum(rng.geometric(0.45, rows) - 1, 5)]
city[rng.random(rows) < 0.08] = np.nan
city[FITTED + 20 : FITTED + 40] = "Oslo"
table = pd.DataFrame(
    {
        "amount": gaps(np.round(rng.lognormal(3, 1, rows), 2)),
        "share": rng.normal(size=rows),
        "offset": 1e9 + rng.normal(size=rows),
        "few": rng.integers(0, 4, rows).astype(float),
        "whole": gaps(rng.integers(0, 9, rows)),
        "city": city,
        "full": [name if isinstance(name, str) else "Ulm" for name in city],
    }
)
cases = []


def case(name, columns, steps, expected):
    """A case; `expected` is an array of rows x columns."""
    expected = np.asarray(expected, dtype=float).reshape(rows, -1)
    made = [[None if np.isnan(x) else x for x in column] for column in expected.T.tolist()]
    cases.append({"name": name, "columns": columns, "steps": steps, "expected": made})


def fitted(name, columns, step, transformer):
    """A case whose expectation a transformer makes, fitted on the first rows."""
    transformer.fit(table[columns].iloc[:FITTED].to_numpy())
    case(name, columns, [step], transformer.transform(table[columns].to_numpy()))


numbers = ["amount", "whole"]
for strategy in ("mean", "median", "most_frequent"):
    fitted(f"impute {strategy}", numbers, {"impute": {"strategy": strategy}}, SimpleImputer(strategy=strategy))
fitted("impute constant", numbers, {"impute": {"strategy": "constant", "fill_value": -1.5}}, SimpleImputer(strategy="constant", fill_value=-1.5))
fitted("impute zero", numbers, {"impute": {"strategy": "constant"}}, SimpleImputer(strategy="constant"))
most = SimpleImputer(strategy="most_frequent", missing_values=np.nan).fit(table[["city"]].iloc[:FITTED].astype(object)).statistics_[0]
case(
    "impute text", ["city"],
    [{"impute": {"strategy": "most_frequent"}}, {"one_hot": {}}],
    OneHotEncoder(sparse_output=False, handle_unknown="ignore").fit(table[["city"]].iloc[:FITTED].fillna(most)).transform(table[["city"]].fillna(most)),
)
scaled = ["amount", "share", "offset"]
fitted("standardize", scaled, {"standardize": {}}, StandardScaler())
fitted("standardize without mean", ["share"], {"standardize": {"with_mean": False}}, StandardScaler(with_mean=False))
fitted("standardize without std", ["amount"], {"standardize": {"with_std": False}}, StandardScaler(with_std=False))
fitted("min_max", scaled, {"min_max": {}}, MinMaxScaler())
fitted("min_max clipped", scaled, {"min_max": {"feature_range": [-2, 3], "clip": True}}, MinMaxScaler(feature_range=(-2, 3), clip=True))
case("clip", scaled, [{"clip": {"min": 0, "max": 20.5}}], np.clip(table[scaled], 0, 20.5))
low, high = np.nanquantile(table[scaled].iloc[:FITTED], [0.07, 0.9], axis=0)
case("clip by quantiles", scaled, [{"clip": {"lower_quantile": 0.07, "upper_quantile": 0.9}}], np.clip(table[scaled], low, high))
case("log1p", ["amount", "whole"], [{"log1p": {}}], np.log1p(table[["amount", "whole"]]))
for bins in (2, 5, 16):
    for method in ("averaged_inverted_cdf", "linear"):
        fitted(
            f"quantile_bin {bins} {method}", ["share", "few"],
            {"quantile_bin": {"n_bins": bins, "quantile_method": method}},
            KBinsDiscretizer(n_bins=bins, encode="ordinal", strategy="quantile", quantile_method=method),
        )
unknown = {"handle_unknown": "use_encoded_value", "unknown_value": np.nan}
fitted("ordinal", ["city", "full"], {"ordinal": {}}, OrdinalEncoder(**unknown))
fitted(
    "ordinal with values", ["city"], {"ordinal": {"unknown_value": -1, "encoded_missing_value": -2}},
    OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2),
)
fitted("ordinal of numbers", ["few"], {"ordinal": {"columns": ["few"]}}, OrdinalEncoder(**unknown))
order = ["Linz", "Ulm", "Bern", "graz"]
fitted("ordinal in order", ["full"], {"ordinal": {"categories": order}}, OrdinalEncoder(**unknown, categories="auto"))
cases[-1]["expected"] = [[float(order.index(name)) if name in order else None for name in table["full"]]]
hot = {"sparse_output": False, "handle_unknown": "infrequent_if_exist"}
fitted("one_hot", ["city"], {"one_hot": {}}, OneHotEncoder(**hot))
fitted("one_hot of numbers", ["few"], {"one_hot": {"columns": ["few"]}}, OneHotEncoder(**hot))
for limit in (1, 2, 3, 6, 7, 20):
    fitted(f"one_hot {limit}", ["city", "full"], {"one_hot": {"max_levels": limit}}, OneHotEncoder(**hot, max_categories=limit))
for least in (60, 0.1):
    fitted(f"one_hot from {least}", ["city"], {"one_hot": {"min_frequency": least}}, OneHotEncoder(**hot, min_frequency=least))
fitted("one_hot both", ["city"], {"one_hot": {"max_levels": 3, "min_frequency": 20}}, OneHotEncoder(**hot, max_categories=3, min_frequency=20))
hashed = FeatureHasher(n_features=13, input_type="string", alternate_sign=False).transform([[name] for name in table["full"]])
case("hash", ["full"], [{"hash": {"buckets": 13}}], hashed.toarray().argmax(axis=1))
case("row_sum", ["amount", "share", "whole"], [{"row_sum": {"output": "all"}}], np.column_stack([table[["amount", "share", "whole"]], table["amount"] + table["share"] + table["whole"]]))
case(
    "ratio", ["amount", "whole"], [{"ratio": {"numerator": "amount", "denominator": "whole", "floor": 0.5}}],
    np.column_stack([table[["amount", "whole"]], table["amount"] / np.maximum(table["whole"], 0.5)]),
)
replaced = pd.to_numeric(table["city"], errors="coerce").fillna(0)
case("coerce", ["amount", "city"], [{"coerce": {"columns": ["amount", "city"], "unparsable": "zero"}}], np.column_stack([table["amount"].fillna(0), replaced]))
case("mask", ["amount", "city"], [{"mask": {"columns": ["city"], "method": "drop"}}], table[["amount"]])
# The others read dates and pairs of columns.
days = pd.Series(pd.date_range("1999-12-25", periods=rows, freq="31h")).dt.floor("s")
table["seen"] = days
parts = ["year", "month", "day", "weekday", "hour", "day_of_year"]
calendar = [days.dt.year, days.dt.month, days.dt.day, days.dt.day_of_week, days.dt.hour, days.dt.day_of_year]
case("date_parts", ["seen"], [{"date_parts": {"columns": ["seen"], "parts": parts}}], np.column_stack(calendar))
ago = (pd.Timestamp("2025-11-19") - days) / pd.Timedelta(hours=1)
case("recency", ["seen"], [{"recency": {"column": "seen", "as_of": "2025-11-19", "unit": "hours"}}], ago)
joint = [f"{a} x {b}" for a, b in zip(table["full"], table["full"].str.lower())]
table["lower"] = table["full"].str.lower()
crossed = FeatureHasher(n_features=11, input_type="string", alternate_sign=False).transform([[name] for name in joint]).toarray().argmax(axis=1)
alone = [{"cross": {"columns": ["full", "lower"], "buckets": 11, "into": "both"}}, {"mask": {"columns": ["full", "lower"], "method": "drop"}}]
case("cross", ["full", "lower"], alone, crossed)
for classes in (2, 3):
    y = np.arange(FITTED) ** 2 % 7 % classes
    for smooth in ("auto", 4.0):
        encoder = TargetEncoder(smooth=smooth, target_type="binary" if classes == 2 else "multiclass").fit(table[["full"]].iloc[:FITTED].to_numpy(), y)
        case(f"target_mean {classes} {smooth}", ["full"], [{"target_mean": {"smooth": smooth}}], encoder.transform(table[["full"]].to_numpy()))
        cases[-1]["classes"] = y.tolist()
chain = SimpleImputer(strategy="median").fit(table[["amount"]].iloc[:FITTED].to_numpy())
logged = np.log1p(chain.transform(table[["amount"]].to_numpy()))
case("chain", ["amount"], [{"impute": {"strategy": "median"}}, {"log1p": {}}, {"standardize": {}}], StandardScaler().fit(logged[:FITTED]).transform(logged))

folder = Path(sys.argv[1])
table.to_csv(folder / "rows.csv", index=False)
(folder / "cases.json").write_text(json.dumps({"fitted": FITTED, "cases": cases}))
