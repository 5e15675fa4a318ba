"""What Great Expectations answers to a suite on a CSV file, in every result format.

Arguments: the CSV file, the suite (JSON of Great Expectations 1.x). Prints one JSON object: result format -> result.
With `--load FILE...`: reads results that somebody else wrote, as Great Expectations reads its own, and prints their
`success`.
"""

import json
import os
import sys
import warnings

os.environ["GX_ANALYTICS_ENABLED"] = "false"
warnings.simplefilter("ignore")

import great_expectations as gx
import pandas as pd
from great_expectations.core.expectation_validation_result import expectationSuiteValidationResultSchema

FORMATS = ("BOOLEAN_ONLY", "BASIC", "SUMMARY", "COMPLETE")


def plain(value):
    """What numpy leaves in results, as JSON has it."""
    if hasattr(value, "item"):
        return value.item()
    return str(value)


def validate(csv, suite_file):
    with open(suite_file) as file:
        saved = json.load(file)
    suite = gx.ExpectationSuite(name=saved["name"], expectations=saved["expectations"])
    context = gx.get_context(mode="ephemeral")
    asset = context.data_sources.add_pandas("pandas").add_dataframe_asset("rows")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": pd.read_csv(csv)})
    context.variables.progress_bars = {"globally": False}
    return {name: batch.validate(suite, result_format=name).to_json_dict() for name in FORMATS}


def load(files):
    loaded = []
    for name in files:
        with open(name) as file:
            result = expectationSuiteValidationResultSchema.load(json.load(file))
        statistics = result["statistics"] if isinstance(result, dict) else result.statistics
        success = result["success"] if isinstance(result, dict) else result.success
        results = result["results"] if isinstance(result, dict) else result.results
        loaded.append({"success": success, "statistics": statistics, "results": len(results)})
    return loaded


if __name__ == "__main__":
    if sys.argv[1] == "--load":
        answer = load(sys.argv[2:])
    else:
        answer = validate(sys.argv[1], sys.argv[2])
    json.dump(answer, sys.stdout, default=plain)
