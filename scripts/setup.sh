# Sourced by scripts/soragen and scripts/test: brings what cmake/pins.txt lists to this machine.
# Everything it prints goes to stderr. It expects $root, the source tree.

pins=$root/cmake/pins.txt
cache=${XDG_CACHE_HOME:-$HOME/.cache}/soragen

say() { printf 'soragen: %s\n' "$*" >&2; }
die() {  # <exit code, as in include/soragen/error.h> <message>
  local code=$1
  shift
  say "$*"
  exit "$code"
}

# Announces a stage with the time left: stage <seconds left> <text>. The estimates were measured on
# 2 cores; they decide nothing.
stage() {
  local left=$1
  shift
  if ((left < 90)); then say "$* (about $left s left)"; else say "$* (about $(((left + 30) / 60)) min left)"; fi
}

# One preparation at a time for this user: a second call waits here, then finds everything done.
with_lock() {
  mkdir -p "$cache" || die 5 "cannot create $cache; set XDG_CACHE_HOME to a folder with 1.2 GB free"
  (
    flock --nonblock 9 || { say "another call is preparing soragen; waiting for it" && flock 9; }
    "$@"
  ) 9>"$cache/lock"
}

compile_jobs() {  # compiler processes that fit this machine: a LibTorch source needs up to 0.6 GB, the worst 1.3 GB
  local cores memory
  cores=$(nproc)
  memory=$(awk '/^MemAvailable/ {print int($2 / 1000000)}' /proc/meminfo)
  echo $((memory < 1 ? 1 : memory < cores ? memory : cores))
}

# configure <preset> [cmake arguments]. A build folder that was moved or copied with its tree still
# points at the old place and is begun anew.
configure() {
  local build=$root/build/$1 fresh=()
  [[ -f $build/CMakeCache.txt ]] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$build/CMakeCache.txt" && fresh=(--fresh)
  mkdir -p "$build"
  (cd "$root" && cmake --preset "$@" "${fresh[@]}") >"$build/configure.log" 2>&1 || die 1 "cmake could not configure $build:
$(tail -n 30 "$build/configure.log")"
}

missing_packages() {  # <when...>: the Debian packages of those lines that are not installed
  comm -23 \
    <(awk -v when=" $* " '$1 == "debian" && index(when, " " $2 " ") {for (i = 3; i <= NF; i++) print $i}' "$pins" | sort) \
    <(dpkg-query --show --showformat='${db:Status-Status} ${Package}\n' | awk '$1 == "installed" {print $2}' | sort -u)
}

install_packages() {  # <package...>
  local as_root=() log=$cache/apt.log
  local apt=(apt-get --yes -o DPkg::Lock::Timeout=600)
  if ((EUID != 0)); then
    # sudo may ask for a password only where somebody can answer.
    if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [[ -t 0 && -t 2 ]]; }; then
      as_root=(sudo)
    else
      die 5 "Debian packages are missing, and installing them needs root. As root, run this line, then call again:
  apt-get update && apt-get install --yes --no-install-recommends $*"
    fi
  fi
  "${as_root[@]}" "${apt[@]}" update >"$log" 2>&1 &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive "${apt[@]}" install --no-install-recommends "$@" >>"$log" 2>&1 </dev/null ||
    die 5 "apt-get could not install: $*
$(tail -n 15 "$log")"
}

wheel_rows() { grep "^wheel $1 " "$pins"; }

# Where the wheels of a pins folder are, or will be: ~/.cache/soragen/libtorch-2.11.0
wheel_folder() { wheel_rows "$1" | awk -v cache="$cache" 'NR == 1 {print cache "/" $2 "-" $4}'; }

wheels_present() { [[ -f $(wheel_folder "$1")/pins ]] && wheel_rows "$1" | cmp -s - "$(wheel_folder "$1")/pins"; }

# Unpacks beside the final place and renames: an interrupted call leaves only NAME.part, which the
# next one removes.
install_wheels() {  # <folder>
  local folder part name version file sha256 keep patterns
  [[ $(uname -m) == x86_64 ]] ||
    die 4 "the pinned $1 is for x86_64 and this machine is $(uname -m); set ${1^^}_ROOT to one built for it"
  folder=$(wheel_folder "$1")
  part=$folder.part
  rm -rf -- "$part"
  mkdir -p "$part"
  trap "rm -rf -- ${part@Q}" EXIT
  while read -r _ _ name version file sha256 _ keep; do
    download_wheel "$name==$version" "$part"
    echo "$sha256  $part/$file" | sha256sum --check --status 2>/dev/null ||
      die 3 "$name $version: expected $file with sha256 $sha256; found: $(cd "$part" && sha256sum -- *.whl)"
    read -r -a patterns <<<"$keep"
    unzip -q "$part/$file" "${patterns[@]}" -d "$part/tree" || die 5 "cannot unpack $file in $part"
    rm -- "$part/$file"
  done < <(wheel_rows "$1")
  wheel_rows "$1" >"$part/tree/pins"
  rm -rf -- "$folder"
  mv -- "$part/tree" "$folder"
}

download_wheel() {  # <name==version> <into>
  local progress=--quiet
  [[ -t 2 ]] && progress=--progress-bar=on
  # The tags are those of the pinned files, whatever Python this machine has; the index is the user's own.
  /usr/bin/python3 -m pip download "$progress" --disable-pip-version-check --no-cache-dir --no-deps \
    --only-binary=:all: --implementation cp --python-version 3.12 --platform manylinux_2_28_x86_64 \
    --platform manylinux_2_25_x86_64 --platform manylinux2014_x86_64 --dest "$2" "$1" >&2 </dev/null ||
    die 5 "pip could not download $1; LIBTORCH_ROOT or C2PA_ROOT may name an unpacked wheel or a Python venv instead"
}

# Where LibTorch is, or will be once prepare has run.
libtorch_root() {
  if [[ ${LIBTORCH_ROOT:-} ]]; then
    realpath --canonicalize-existing -- "$LIBTORCH_ROOT" 2>/dev/null ||
      die 3 "LIBTORCH_ROOT is $LIBTORCH_ROOT, which does not exist; it names a LibTorch 2.11 folder or a Python venv with torch"
  else
    wheel_folder libtorch
  fi
}

# Likewise the C2PA library.
c2pa_root() {
  if [[ ${C2PA_ROOT:-} ]]; then
    realpath --canonicalize-existing -- "$C2PA_ROOT" 2>/dev/null ||
      die 3 "C2PA_ROOT is $C2PA_ROOT, which does not exist; it names a folder or a Python venv with c2pa-python 0.38.1"
  else
    wheel_folder c2pa
  fi
}

# prepare <seconds of work after this> <when...>: brings Debian's packages and the wheels.
prepare() {
  local after=$1 packages wheels=() fetch=0 name
  shift
  command -v dpkg-query >/dev/null ||
    die 4 "this is not a Debian system: install what the debian lines of cmake/pins.txt name, then run cmake --preset release"
  mapfile -t packages < <(missing_packages "$@")
  [[ ${LIBTORCH_ROOT:-} ]] || wheels_present libtorch || { wheels+=(libtorch) && fetch=30; }
  [[ ${C2PA_ROOT:-} ]] || wheels_present c2pa || { wheels+=(c2pa) && ((fetch += 3)); }
  if ((${#packages[@]})); then
    stage $((60 + fetch + after)) "[1/3] Debian packages: ${packages[*]}"
    install_packages "${packages[@]}"
  fi
  if ((fetch)); then
    stage $((fetch + after)) "[2/3] ${wheels[*]}: $(for name in "${wheels[@]}"; do wheel_rows "$name"; done | awk '{mb += $7} END {print mb}') MB to download"
    for name in "${wheels[@]}"; do (install_wheels "$name"); done
  fi
}

# The Python that trains and measures soragen-mini; made by prepare_mini.
mini_python() { echo "$cache/mini-$(sha256sum <"$root/scripts/mini/requirements.txt" | head -c 12)/bin/python"; }

prepare_mini() {
  local venv log=$cache/mini.log
  venv=$(mini_python)
  venv=${venv%/bin/python}
  [[ -f $venv/whole ]] && return
  say "Python packages of scripts/mini: 3 GB to download, 6 GB on disk"
  rm -rf -- "$cache"/mini-*/
  {
    /usr/bin/python3 -m venv "$venv" &&
      "$venv/bin/pip" install --disable-pip-version-check --no-cache-dir --requirement "$root/scripts/mini/requirements.txt"
  } >"$log" 2>&1 </dev/null || die 5 "cannot install scripts/mini/requirements.txt into $venv:
$(tail -n 15 "$log")"
  touch "$venv/whole"
}
