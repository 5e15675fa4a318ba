#!/usr/bin/env bash
# Times the kernels on a machine with a GPU, where nothing else is installed: the built program is all that it needs.
#
#   benches/gpu_node.sh --prepare FOLDER         where there is a network: all that is carried to the machine
#   benches/gpu_node.sh [options] PROGRAM [STAGE...]       on the machine; PROGRAM is the built trainer
#   benches/gpu_node.sh --summary OUT            the table again, from the results in OUT
#
# Stages [all of them]; each writes OUT/STAGE.json, and all end with OUT/summary.md:
#   rates      copies, additions in shared memory, 32-byte reads, launches
#   forest     10,000,000 x 28, 100 trees, depth 10, beside XGBoost
#   published  the shapes that cuML has published times of
#   backends   the same fits through Vulkan and through CUDA
#   predict    200 trees, 10,000,000 rows
#   features   a feature plan over 10,000,000 x 28
#
# Options:
#   --out OUT        where results go [benches/results/gpu_node]
#   --device NAME    a device to time, may be given again [every GPU that opens; software Vulkan left out]
#   --no-cpu         no fit on the CPU to compare with; the results say so
#   --limit SECONDS  for one program [240]; what takes longer is left out, and the results say so
#   --tiny           a few rows: whether it runs, not how fast
#
# What may be missing is told in the results: Python, XGBoost, Vulkan, NVRTC. Models that differ from the CPU's end it
# with 1, no GPU with 5.
#
# Needed on the machine: NVIDIA's driver. For CUDA also NVRTC and CUDA's headers: of an installed toolkit, of Python's
# packages nvidia-cuda-nvrtc and nvidia-cuda-runtime, or of the wheels that --prepare carries. For Vulkan libvulkan.so.1,
# which --prepare carries too. For XGBoost a Python with numpy and scipy, or wheels of all three.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
all=(rates forest published backends predict features)
out=$here/results/gpu_node
limit=240 tiny='' reference=() devices=()

fail() { echo "gpu_node.sh: $1" >&2; exit 2; }

# --- what is carried ------------------------------------------------------------------------------------------------

# prepare FOLDER: the program, this script, and what a bare machine may lack.
prepare() {
    local folder python=${PYTHON_VERSION:-3.12} tags=()
    mkdir -p "$1/wheels" "$1/lib"
    folder=$(realpath "$1")
    cd "$here/.."
    TRAINER_COMMIT=$(git rev-parse HEAD 2>/dev/null || echo unknown) cargo build --release --locked
    cp "${CARGO_TARGET_DIR:-target}/release/trainer" "$folder/"
    strip "$folder/trainer"
    cp benches/gpu_node.sh benches/gpu_node_peer.py "$folder/"
    for version in 28 27 17 14 12; do tags+=(--platform "manylinux_2_${version}_x86_64"); done
    tags+=(--platform manylinux2014_x86_64)
    # NVRTC of CUDA 13.0: what a newer one makes, an older driver refuses.
    python3 -m pip download --quiet --no-deps --only-binary=:all: --python-version "$python" --implementation cp "${tags[@]}" \
        --dest "$folder/wheels" nvidia-cuda-nvrtc==13.0.88 nvidia-cuda-runtime==13.0.96 numpy==2.4.6 scipy==1.17.1 xgboost==3.2.0
    if (cd "$folder/lib" && apt-get download --quiet libvulkan1); then
        dpkg -x "$folder"/lib/libvulkan1_*.deb "$folder/lib/deb"
        cp "$folder"/lib/deb/usr/lib/*/libvulkan.so.1 "$folder/lib/"
        rm -r "$folder"/lib/deb "$folder"/lib/*.deb
    fi
    du -sh "$folder"/* >&2
}

# --- what is there --------------------------------------------------------------------------------------------------

# Unpacks those of the carried wheels that Python does not have: one without pip has them too.
unpack_wheels() {
    local wheel module
    command -v python3 >/dev/null || return 0
    for wheel in "$here"/wheels/*.whl; do
        module=${wheel##*/} module=${module%%-*}
        if [[ ! -f $wheel ]] || python3 -c "import $module" 2>/dev/null; then continue; fi
        python3 -m zipfile -e "$wheel" "$work/site"
    done
    export PYTHONPATH="$work/site${PYTHONPATH:+:$PYTHONPATH}"
}

# Where NVRTC is, and the headers that CubeCL's sources include.
find_cuda() {
    local sites folder library='' headers=''
    sites=$(python3 -c 'import site, sys; print(*sys.path, *site.getsitepackages(), sep="\n")' 2>/dev/null | sort -u || true)
    while read -r folder; do
        if [[ -z $library ]] && compgen -G "$folder/libnvrtc.so.1*" >/dev/null; then library=$folder; fi
        if [[ -z $headers && -f $folder/../include/cuda_runtime.h ]]; then headers=$(realpath "$folder/.."); fi
    done < <(
        printf '%s\n' ${CUDA_PATH:+"$CUDA_PATH/lib64" "$CUDA_PATH/lib"} /usr/local/cuda*/lib64 "$work"/site/nvidia/cu1*/lib
        for site in $sites; do printf '%s\n' "$site"/nvidia/cu1*/lib "$site"/nvidia/cuda_{nvrtc,runtime}/lib; done
    )
    if [[ -n $library ]]; then export LD_LIBRARY_PATH="$library${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"; fi
    if [[ -n $headers ]]; then export CUDA_PATH=$headers; fi
    nvrtc=${library:-none found} cuda_headers=${headers:-none found}
}

# The loader of Vulkan and the driver's description, where they are not in their usual places.
find_vulkan() {
    local file
    if ! ldconfig -p 2>/dev/null | grep -q libvulkan.so.1 && [[ -f $here/lib/libvulkan.so.1 ]]; then
        export LD_LIBRARY_PATH="$here/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
    fi
    if compgen -G '/usr/share/vulkan/icd.d/nvidia*' >/dev/null || compgen -G '/etc/vulkan/icd.d/nvidia*' >/dev/null; then return; fi
    file=/usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json
    if [[ -f $file && -z ${VK_DRIVER_FILES:-} ]]; then export VK_DRIVER_FILES=$file; fi
}

# The GPUs that open, one a line: of pretty-printed JSON, one key a line.
gpus() {
    "$program" devices --output json | flat | awk '
        $1 ~ /\.name$/ { name = $2 }
        $1 ~ /\.opens$/ { opens = $2 }
        $1 ~ /\.software$/ && opens == "true" && $2 == "false" && name != "cpu" { print name }'
}

# --- JSON -----------------------------------------------------------------------------------------------------------

# A line "path value" for each value of pretty-printed JSON.
flat() {
    awk '
        {
            sub(/^[ ,]*/, ""); sub(/,$/, "")
            if ($0 == "") next
            if ($0 ~ /^[}\]]/) { depth--; next }
            key = ""
            if (match($0, /^"[^"]*": /)) { key = substr($0, 2, RLENGTH - 4); $0 = substr($0, RLENGTH + 1) }
            else if (depth > 0) key = count[depth]++
            if ($0 == "{" || $0 == "[") { at[++depth] = key; count[depth] = 0; next }
            gsub(/^"|"$/, "")
            path = ""
            for (i = 2; i <= depth; i++) path = path at[i] "."
            print path key, $0
        }'
}

# Text as a JSON string; backslashes become slashes.
quoted() {
    awk 'BEGIN { ORS = ""; print "\"" } { gsub(/\\/, "/"); gsub(/"/, "\\\""); gsub(/[\t\r]/, " "); print sep $0; sep = "\\n" } END { print "\"" }' <<<"$1"
}

# --- one run --------------------------------------------------------------------------------------------------------

# ours FILE ARGS...: trainer bench into FILE, within the limit.
ours() {
    local file=$1 code=0
    shift
    echo "== trainer bench $*" >&2
    timeout -k 10 "$limit" "$program" bench "$@" --output json >"$file" || code=$?
    if [[ $code == 124 || $code == 137 ]]; then
        printf '{\n  "error": "not done in %s s"\n}\n' "$limit" >"$file"
    elif [[ $code != 0 ]]; then
        # What differs, or fails, is kept and told at the end.
        failed=$code
    fi
    if [[ ! -s $file ]]; then printf '{\n  "error": "ended with %s"\n}\n' "$code" >"$file"; fi
}

# peer FILE TABLE ARGS...: XGBoost on the table that was just written.
peer() {
    local file=$1 code=0
    shift
    if [[ -n $without_xgboost ]]; then
        printf '{\n  "error": %s\n}\n' "$(quoted "$without_xgboost")" >"$file"
        return
    fi
    echo "== xgboost $*" >&2
    timeout -k 10 "$limit" python3 "$here/gpu_node_peer.py" "$@" >"$file" || code=$?
    if [[ $code != 0 ]]; then printf '{\n  "error": "ended with %s, within %s s"\n}\n' "$code" "$limit" >"$file"; fi
}

# run NAME ROWS FEATURES CLASSES TREES DEPTH BINS MAX_FEATURES ONLY PEER [NOTE]: one element of the stage's list.
run() {
    local name=$1 rows=$2 features=$3 classes=$4 trees=$5 depth=$6 bins=$7 rule=$8 only=$9 beside=${10} note=${11:-} table=()
    if [[ -n $tiny ]]; then rows=$((rows / 20000 + 300)) trees=$((trees / 50 + 1)); fi
    if [[ $beside == yes && -z $without_xgboost ]]; then table=(--table "$work/table"); fi
    ours "$work/ours.json" --rows "$rows" --features "$features" --classes "$classes" --trees "$trees" --depth "$depth" \
        --max-bins "$bins" --max-features "$rule" --only "$only" --repeats "$repeats" "${devices[@]}" "${reference[@]}" "${table[@]}"
    printf '%s  {\n   "name": "%s",\n   "note": %s,\n   "trainer": ' "$comma" "$name" "$(quoted "$note")"
    cat "$work/ours.json"
    if [[ $beside == yes ]]; then
        peer "$work/peer.json" "$work/table" "$trees" "$depth" "$bins" "$rule" "$repeats"
        printf ',\n   "xgboost": '
        cat "$work/peer.json"
    fi
    printf '  }\n'
    comma=','
    rm -rf "$work/table"
}

# --- stages ---------------------------------------------------------------------------------------------------------

other='published times of other hardware, of the data set itself; here a made-up table of its shape'
within='asked: Vulkan within 2 x CUDA'

# stage NAME: its runs.
stage() {
    case $1 in
        rates) run rates 10000000 28 2 1 1 255 sqrt rates no ;;
        forest)
            run 'warm up' 100000 28 2 100 10 255 sqrt fit yes
            run '10M x 28, 100 trees, depth 10' 10000000 28 2 100 10 255 sqrt fit yes \
                'asked: at most 0.6 s, and 2 x XGBoost in its forest mode'
            ;;
        published)
            run 'covtype shape, sqrt' 464809 54 7 100 30 128 sqrt fit yes "cuML 1.144 s: $other"
            run 'covtype shape, all features' 464809 54 7 100 30 128 all fit yes "cuML 3.65 s: $other"
            run '160k x 64, 500 trees, depth 7' 160000 64 2 500 7 32 sqrt fit yes "cuML 2.15 s: $other"
            ;;
        backends)
            run '10k x 28' 10000 28 2 100 10 255 sqrt fit no "$within"
            run '1M x 28' 1000000 28 2 100 10 255 sqrt fit no "$within"
            run '1M x 28, depth 16' 1000000 28 2 100 16 255 sqrt fit no "$within"
            ;;
        predict) run '200 trees x 10M rows' 10000000 28 2 200 10 255 sqrt predict no 'asked: 20 million rows a second' ;;
        features)
            run '10M x 28, fill and standardize' 10000000 28 2 1 1 255 sqrt rates,features no \
                'asked: 70 % of the copy rate; the way to the device and back is in it'
            ;;
    esac
}

# One Markdown table of all stages whose results are in OUT.
summary() {
    local stage
    echo '# Results of a GPU node'
    for stage in "${all[@]}"; do
        [[ -f $out/$stage.json ]] || continue
        printf '\n## %s\n\n' "$stage"
        flat <"$out/$stage.json" | awk '
            function get(key) { return (key in v) ? v[key] : "" }
            function s(key) { return get(key) == "" ? "-" : sprintf("%.4g", v[key]) }
            function giga(key) { return get(key) == "" ? "-" : sprintf("%.4g", v[key] / 1e9) }
            function xgb(mode, key,    p) {
                p = run ".xgboost." mode "." key
                return get(p) == "" ? "-" : sprintf("%.4g", v[p])
            }
            { key = $1; sub(/^[^ ]* /, ""); v[key] = $0 }
            END {
                printf "%s; %s; nvrtc: %s; xgboost: %s\n\n", get("node.gpu"), get("runs.0.trainer.machine.cpu"), get("node.nvrtc"), get("node.xgboost")
                print "| run | device | same model | first fit s | fit s | binning s | growing s | XGBoost forest s | its training s | XGBoost boosting s | million rows/s predicted | features, share of copy | memory MiB | note |"
                print "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|"
                for (i = 0; ("runs." i ".name") in v; i++) {
                    run = "runs." i; t = run ".trainer"
                    note = get(run ".note")
                    if (get(t ".error") != "") note = get(t ".error") "; " note
                    if (get(t ".error.message") != "") note = get(t ".error.message") "; " note
                    if (get(run ".xgboost.error") != "") note = note "; XGBoost: " get(run ".xgboost.error")
                    gsub(/^; |; $/, "", note)
                    same = get(t ".same_model")
                    same = same == "null" ? "not compared" : same " (" get(t ".reference") ")"
                    for (j = 0; j == 0 || (t ".devices." j ".device") in v; j++) {
                        d = t ".devices." j
                        rate = get(d ".predicted_rows_per_s")
                        memory = get(d ".memory_bytes")
                        print "| " get(run ".name") " | " get(d ".device") " | " same " | " s(d ".first_fit_s") " | " s(d ".fit_s") " | " s(d ".binning_s") " | " s(d ".growing_s") \
                            " | " xgb("forest", "fit_s") " | " xgb("forest", "train_s") " | " xgb("boosting", "fit_s") " | " (rate == "" ? "-" : sprintf("%.4g", rate / 1e6)) \
                            " | " s(d ".features_share_of_copy") " | " (memory == "" ? "-" : int(memory / 1048576)) " | " note " |"
                        if (get(d ".rates.copy_bytes_per_s") != "")
                            rates = rates "| " get(d ".device") " | " giga(d ".rates.copy_bytes_per_s") " | " giga(d ".rates.upload_bytes_per_s") " | " giga(d ".rates.shared_adds_per_s") \
                                " | " giga(d ".rates.shared_adds_one_bin_per_s") " | " giga(d ".rates.gathers_32_bytes_per_s") " | " s(d ".rates.launch_s") " | " s(d ".rates.round_trip_s") " |\n"
                    }
                }
                if (rates != "")
                    printf "\n| device | copy GB/s | upload GB/s | 10^9 adds/s | to one bin | 10^9 gathers/s | launch s | waited for s |\n|---|---|---|---|---|---|---|---|\n%s", rates
            }'
    done
}

# --- the whole ------------------------------------------------------------------------------------------------------

stages=() program='' repeats=5
while (($#)); do
    case $1 in
        --prepare) prepare "${2:?--prepare needs a folder}" && exit ;;
        --summary) out=${2:?--summary needs the folder of results} && summary | tee "$out/summary.md" && exit ;;
        --out) out=$2 && shift ;;
        --device) devices+=(--device "$2") && shift ;;
        --no-cpu) reference=(--no-cpu) ;;
        --limit) limit=$2 && shift ;;
        --tiny) tiny=yes repeats=1 ;;
        -*) fail "unknown option $1" ;;
        *) if [[ -z $program ]]; then program=$1; else stages+=("$1"); fi ;;
    esac
    shift
done
[[ -n $program ]] || fail "expected the built program"
program=$(realpath "$program")
((${#stages[@]})) || stages=("${all[@]}")
for stage in "${stages[@]}"; do [[ " ${all[*]} " == *" $stage "* ]] || fail "unknown stage $stage, expected one of: ${all[*]}"; done

mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unpack_wheels
find_cuda
find_vulkan
without_xgboost=''
if ! command -v python3 >/dev/null; then
    without_xgboost='no python3'
elif ! told=$(python3 -c 'import numpy, xgboost; print(xgboost.__version__)' 2>&1); then
    without_xgboost="no XGBoost: ${told##*$'\n'}"
fi
gpu=$(nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>/dev/null || echo 'no nvidia-smi')

"$program" devices >&2
if ((${#devices[@]} == 0)); then
    while read -r name; do devices+=(--device "$name"); done < <(gpus)
fi
if ((${#devices[@]} == 0)); then
    echo "gpu_node.sh: no GPU opens; what each lacks is told above" >&2
    exit 5
fi

failed=0
for stage in "${stages[@]}"; do
    comma=''
    {
        printf '{\n  "stage": "%s",\n  "node": {\n    "gpu": %s,\n    "nvrtc": %s,\n    "cuda_headers": %s,\n    "xgboost": %s\n  },\n  "runs": [\n' \
            "$stage" "$(quoted "$gpu")" "$(quoted "$nvrtc")" "$(quoted "$cuda_headers")" "$(quoted "${without_xgboost:-$told}")"
        stage "$stage"
        printf '  ]\n}\n'
    } >"$work/$stage.json"
    mv "$work/$stage.json" "$out/"
done
summary | tee "$out/summary.md"
exit "$failed"
