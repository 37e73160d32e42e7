#!/usr/bin/env bash
# Proves the CUDA kernels on this machine's card and times them: builds for this card, checks every kernel
# against double precision (ctest -L cuda), runs compute-sanitizer over short cases where it is installed, and
# prints a table of times against cuDNN, FlashAttention 2, ATen and the card's own peaks; then a denoising step and
# a decoded film of Wan 2.1 1.3B's shape against diffusers (scripts/gpu_stages.py).
#
#   scripts/gpu_check.sh [--out DIR] [--rehearse]
#
#   --out DIR    also writes the tables to DIR/kernels.md and DIR/stages.md, and the logs beside them
#   --rehearse   without a card: builds for sm_90a, runs what runs, and ends with exit code 4
#
# Needs an NVIDIA card, nvcc 13, CMake 3.25, g++ and a Python torch 2.11: LIBTORCH_ROOT (a torch folder or a
# venv), else the one that python3 would import. Downloads nothing, and needs neither FFmpeg nor GoogleTest. The step
# and the decoding are left out, with a line that says so, where libspdlog-dev, nlohmann-json3-dev, libssl-dev and
# libicu-dev, or numpy, are missing.
#
# Exit code: 0 every check passed, 1 one failed, 2 usage, 4 something is missing (the message says what).
set -euo pipefail
shopt -s inherit_errexit

root=$(realpath -- "${BASH_SOURCE[0]}")
root=${root%/*/*}
build=$root/build/gpu-check
minutes=10  # what is not measured by then is left out, and said

say() { printf 'gpu_check: %s\n' "$*" >&2; }
die() {  # <exit code> <message>
  say "$2"
  exit "$1"
}

usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; }

# The torch folder with both halves of LibTorch 2.11.
find_torch() {
  local torch candidates version
  if [[ ${LIBTORCH_ROOT:-} ]]; then
    candidates=("$LIBTORCH_ROOT" "$LIBTORCH_ROOT"/torch "$LIBTORCH_ROOT"/lib/python3*/site-packages/torch)
  else
    command -v python3 >/dev/null || die 4 "no python3 to find torch with; set LIBTORCH_ROOT to a torch 2.11 folder"
    torch=$(python3 -c 'import importlib.util as u; s = u.find_spec("torch"); print(s.submodule_search_locations[0] if s else "")')
    [[ $torch ]] || die 4 "$(command -v python3) has no torch; install torch 2.11, or set LIBTORCH_ROOT to where it is"
    candidates=("$torch")
  fi
  for torch in "${candidates[@]}"; do
    [[ -f $torch/include/torch/headeronly/version.h ]] || continue
    version=$(awk '/define TORCH_VERSION_(MAJOR|MINOR) / {printf "%s%s", dot, $3; dot = "."}' "$torch/include/torch/headeronly/version.h")
    [[ $version == 2.11 ]] || die 4 "the torch in $torch is $version; 2.11 is needed"
    [[ -f $torch/lib/libtorch_cuda.so ]] || die 4 "the torch in $torch has no lib/libtorch_cuda.so: it is a CPU build; the CUDA 13 build of 2.11 is needed"
    echo "$torch"
    return
  done
  die 4 "no LibTorch headers of torch 2.10 or newer in ${candidates[*]}; torch 2.11 is needed"
}

find_nvcc() {
  local nvcc release
  nvcc=${CUDACXX:-$(command -v nvcc || true)}
  [[ $nvcc ]] || nvcc=${CUDA_HOME:-/usr/local/cuda}/bin/nvcc
  [[ -x $nvcc ]] || die 4 "no nvcc on PATH and none at $nvcc; set CUDACXX to the one of CUDA 13"
  release=$("$nvcc" --version | sed -n 's/.*release \([0-9]*\)\..*/\1/p')
  ((release == 13)) || die 4 "$nvcc is of CUDA ${release:-unknown}; torch 2.11 is built with CUDA 13, and so must the kernels be"
  echo "$nvcc"
}

# "name, capability, driver" of the first card
find_card() {
  command -v nvidia-smi >/dev/null || return 1
  nvidia-smi --query-gpu=name,compute_cap,driver_version --format=csv,noheader 2>/dev/null | head -n 1 | grep ,
}

architecture() {  # <capability, as 9.0>
  local number=${1//./}
  ((number >= 80)) || die 4 "the card has compute capability $1; the kernels need 8.0 or newer"
  # Some instructions of 9.0 exist only in its "a" form.
  if ((number == 90)); then echo 90a-real; else echo "$number-real"; fi
}

# The Python that the torch folder belongs to.
python_of() {  # <torch>
  local python=${1%/lib/python3*}/bin/python3
  if [[ -x $python ]]; then echo "$python"; else command -v python3 || true; fi
}

left() {  # seconds, at least one
  local seconds=$((minutes * 60 - 10 - SECONDS))
  echo $((seconds > 1 ? seconds : 1))
}

elapsed() { printf '%d s' $((SECONDS - ${1:-0})); }

build_program() {  # <torch> <nvcc> <architecture>
  local generator=() begin=$SECONDS
  command -v cmake >/dev/null || die 4 "no cmake; 3.25 or newer is needed"
  command -v ninja >/dev/null && generator=(-G Ninja)
  mkdir -p "$build"
  CUDACXX=$2 cmake -S "$root/tests/kernels/cuda" -B "$build" "${generator[@]}" -DLIBTORCH_ROOT="$1" \
    -DCMAKE_CUDA_ARCHITECTURES="$3" >"$build/configure.log" 2>&1 ||
    die 1 "cmake could not configure $build:
$(tail -n 20 "$build/configure.log")"
  cmake --build "$build" --target soragen_gpu_check --parallel "$(nproc)" >"$build/build.log" 2>&1 || die 1 "the build failed:
$(grep -m 1 -A 20 -E 'FAILED|error' "$build/build.log")"
  say "built for ${3%-real} in $(elapsed "$begin")"
}

check_kernels() {
  local begin=$SECONDS status=0
  (cd "$build" && ctest -L cuda --output-on-failure) >"$logs/checks.log" 2>&1 || status=1
  tail -n 30 "$logs/checks.log" >&2
  ((status == 0)) || failed+=("ctest -L cuda")
  say "checks took $(elapsed "$begin")"
}

# Two tools over short cases. Half of a check is ATen's own kernels, which are watched too.
sanitize() {
  local begin=$SECONDS tool
  if ! command -v compute-sanitizer >/dev/null; then
    say "no compute-sanitizer on PATH: not run"
    return
  fi
  for tool in memcheck racecheck; do
    if timeout 120 compute-sanitizer --tool "$tool" --error-exitcode 9 "$build/soragen_gpu_check" --small >"$logs/$tool.log" 2>&1; then
      say "compute-sanitizer $tool: nothing found"
    else
      case $? in
        124) say "compute-sanitizer $tool: no verdict within 120 s" ;;
        *) failed+=("compute-sanitizer $tool") && tail -n 20 "$logs/$tool.log" >&2 ;;
      esac
    fi
  done
  say "compute-sanitizer took $(elapsed "$begin")"
}

time_kernels() {
  local begin=$SECONDS
  if timeout "$(left)" "$build/soragen_gpu_check" --bench "$logs/kernels.md" >&2; then
    cat "$logs/kernels.md"
  else
    failed+=("the timing of the kernels")
  fi
  say "timing took $(elapsed "$begin")"
}

# The tensor half of the program, in a build folder of its own.
build_stages() {  # <torch> <nvcc> <architecture>
  local generator=() begin=$SECONDS
  command -v ninja >/dev/null && generator=(-G Ninja)
  if ! CUDACXX=$2 cmake -S "$root" -B "$build/stages" "${generator[@]}" -DLIBTORCH_ROOT="$1" -DSORAGEN_MEDIA=OFF \
    -DSORAGEN_TESTS=OFF -DCMAKE_CUDA_ARCHITECTURES="$3" >"$build/configure-stages.log" 2>&1; then
    say "no step and no decoding are timed, cmake says: $(grep -m 1 -A 3 -E 'CMake Error|Could NOT find' "$build/configure-stages.log" | tr -s ' \n' ' ')"
    return 1
  fi
  cmake --build "$build/stages" --target soragen_bench --parallel "$(nproc)" >"$build/build-stages.log" 2>&1 || {
    failed+=("the build of the stages")
    grep -m 1 -A 20 -E 'FAILED|error' "$build/build-stages.log" >&2
    return 1
  }
  say "built the stages in $(elapsed "$begin")"
}

time_stages() {  # <python>
  local begin=$SECONDS
  if [[ ! $1 ]] || ! "$1" -c 'import numpy' 2>/dev/null; then
    say "no step and no decoding are timed: ${1:-no python3} without numpy"
    return
  fi
  "$1" "$root/scripts/gpu_stages.py" --bench "$build/stages/bin/soragen_bench" --work "$build/stages" \
    --out "$logs/stages.md" --seconds "$(left)" || failed+=("the timing of the stages")
  say "timing the stages took $(elapsed "$begin")"
}

main() {
  local out='' rehearse='' stages='' card torch nvcc architecture
  while (($#)); do
    case $1 in
      --out)
        [[ ${2:-} ]] || die 2 "--out needs a folder"
        out=$2
        shift
        ;;
      --rehearse) rehearse=1 ;;
      -h | --help) usage && exit 0 ;;
      *) die 2 "$1 is none of --out DIR, --rehearse, --help" ;;
    esac
    shift
  done
  torch=$(find_torch)
  nvcc=$(find_nvcc)
  if card=$(find_card); then
    say "$card"
  elif [[ $rehearse ]]; then
    say "no NVIDIA card is found; rehearsing for sm_90a"
    card='none, 9.0, none'
  else
    die 4 "no NVIDIA card is found (nvidia-smi lists none); --rehearse builds without one"
  fi
  architecture=$(architecture "$(cut -d, -f2 <<<"$card" | tr -d ' ')")
  build_program "$torch" "$nvcc" "$architecture"
  logs=${out:-$build}
  mkdir -p "$logs" || die 1 "cannot write to $logs"
  failed=()
  check_kernels
  if build_stages "$torch" "$nvcc" "$architecture"; then stages=1; fi
  if [[ $card == none,* ]]; then die 4 "built and rehearsed; nothing was proved or timed without a card"; fi
  sanitize
  time_kernels
  if [[ $stages ]]; then time_stages "$(python_of "$torch")"; fi
  say "$(elapsed) in all"
  ((${#failed[@]} == 0)) || die 1 "failed: $(printf '%s; ' "${failed[@]}")"
}

main "$@"
