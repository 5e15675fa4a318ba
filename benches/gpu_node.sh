#!/usr/bin/env bash
# Times the kernels on a machine with a GPU, where nothing else is installed: the built program is all that it needs.
#
#   benches/gpu_node.sh PROGRAM [OUT]     PROGRAM is target/release/trainer; OUT a folder [benches/results/gpu_node]
#
# Every device fits the same forests, and the models must be the CPU's, or it ends with 1. Where Python has XGBoost, its
# random-forest mode is timed beside, on a table of the same shape.
set -euo pipefail

program=$(realpath "${1:?expected the built program}")
here=$(cd "$(dirname "$0")" && pwd)
out=${2:-$here/results/gpu_node}
mkdir -p "$out"

"$program" devices --output json | tee "$out/devices.json"
nvidia-smi >"$out/nvidia_smi.txt" 2>&1 || echo "no nvidia-smi" >"$out/nvidia_smi.txt"

status=0
# rows features trees depth
while read -r rows features trees depth; do
    name=${rows}x${features}_${trees}x${depth}
    echo "== $name" >&2
    "$program" bench --rows "$rows" --features "$features" --trees "$trees" --depth "$depth" --output json \
        >"$out/$name.json" || status=$?
    cat "$out/$name.json"
    if python3 -c 'import xgboost' 2>/dev/null; then
        python3 "$here/gpu_node_peer.py" "$rows" "$features" "$trees" "$depth" | tee "$out/$name.xgboost.json"
    fi
done <<'SHAPES'
10000 28 100 10
1000000 28 100 10
10000000 28 100 10
1000000 28 100 16
SHAPES
exit "$status"
