#!/usr/bin/env bash
# Finds Vulkan drivers, and installs software ones where a run or the tests need them.
#
#   scripts/drivers.sh ensure-any     make sure that some Vulkan driver is there (for ./bench)
#   scripts/drivers.sh compilers      make a folder with the compilers of GPUs that are not here (for
#                                     `portamark inspect`); prints its path as a shell assignment
#   scripts/drivers.sh test-drivers   install every driver the tests need; prints shell
#                                     assignments on stdout, talks on stderr (for ./test)
#
# Environment:
#   PORTAMARK_DRIVERS_DIR             where drivers are kept (default: target/drivers)
#   PORTAMARK_ALLOW_MISSING_DRIVERS=1 test-drivers warns about a driver it can't get
#                                     instead of failing
#
# Exit status: 0 done, 1 something failed (the text says what), 2 wrong usage,
# 3 this system's packages have to be installed by hand (the text says which).
set -euo pipefail

# Everything up to the first Linux check also runs under macOS's bash 3.2.
self="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)/$(basename "${BASH_SOURCE[0]}")"
root="$(dirname "$(dirname "$self")")"
cache="${PORTAMARK_DRIVERS_DIR:-$root/target/drivers}"
apt_log="$cache/apt.log"

say() { printf '%s\n' "drivers: $*" >&2; }
more() { printf '%s\n' "         $*" >&2; }
die() {
  say "$*"
  exit 1
}

# ---------------------------------------------------------------- looking

# Prints the file of a shared library that the dynamic loader would find by this bare name.
find_library() {
  local name="$1" dir hit
  local IFS=:
  for dir in ${LD_LIBRARY_PATH:-}; do
    if [ -n "$dir" ] && [ -e "$dir/$name" ]; then
      echo "$dir/$name"
      return 0
    fi
  done
  unset IFS
  # ldconfig lies outside an ordinary user's PATH on Debian; musl's has no -p.
  hit="$(PATH="$PATH:/usr/sbin:/sbin" ldconfig -p 2>/dev/null |
    awk -v name="$name" '$1 == name { print $NF; exit }' || true)"
  if [ -n "$hit" ] && [ -e "$hit" ]; then
    echo "$hit"
    return 0
  fi
  for dir in /usr/lib /usr/lib64 /lib /lib64 /usr/local/lib "/usr/lib/$(uname -m)-linux-gnu" \
    /run/opengl-driver/lib; do
    if [ -e "$dir/$name" ]; then
      echo "$dir/$name"
      return 0
    fi
  done
  return 1
}

# Prints the library that an ICD manifest names, as written there.
icd_library() {
  sed -n 's/.*"library_path"[[:space:]]*:[[:space:]]*"\([^"]*\)".*/\1/p' "$1" 2>/dev/null | head -n 1
}

# A manifest alone is not a driver: container runtimes are known to bring NVIDIA's manifest
# without its library.
icd_usable() {
  local manifest="$1" library
  [ -r "$manifest" ] || return 1
  case "$(uname -m):$(basename "$manifest")" in
    x86_64:*i[3-6]86*) return 1 ;;
  esac
  library="$(icd_library "$manifest")"
  case "$library" in
    "") return 1 ;;
    /*) [ -e "$library" ] ;;
    */*) [ -e "$(dirname "$manifest")/$library" ] ;;
    *) find_library "$library" >/dev/null ;;
  esac
}

# Prints the *.json files of a colon-separated list of manifests and folders of manifests.
expand_manifests() {
  local item manifest
  local IFS=:
  for item in $1; do
    [ -n "$item" ] || continue
    if [ -d "$item" ]; then
      for manifest in "$item"/*.json; do
        [ -e "$manifest" ] && printf '%s\n' "$manifest"
      done
    else
      printf '%s\n' "$item"
    fi
  done
  return 0
}

# Prints every manifest that the Vulkan loader would look at, in the loader's own order.
list_manifests() {
  # The loader ignores all other places when one of these two is set.
  local only="${VK_DRIVER_FILES:-${VK_ICD_FILENAMES:-}}"
  if [ -n "$only" ]; then
    expand_manifests "$only"
    return 0
  fi
  local base bases
  bases="${XDG_CONFIG_HOME:-${HOME:-}/.config}:${XDG_CONFIG_DIRS:-/etc/xdg}:/usr/local/etc:/etc"
  bases="$bases:${XDG_DATA_HOME:-${HOME:-}/.local/share}:${XDG_DATA_DIRS:-/usr/local/share:/usr/share}"
  # Set XDG_DATA_DIRS may leave these out, yet distributions build them into their loaders.
  bases="$bases:/usr/local/share:/usr/share:/run/opengl-driver/share"
  expand_manifests "${VK_ADD_DRIVER_FILES:-}"
  local IFS=:
  for base in $bases; do
    if [ -d "$base/vulkan/icd.d" ]; then expand_manifests "$base/vulkan/icd.d"; fi
  done | awk '!seen[$0]++'
}

# Prints "nvidia", "amd" and "intel" for the GPUs that the kernel shows.
list_gpus() {
  local device class
  {
    for device in /dev/nvidia[0-9]* /dev/nvidiactl /proc/driver/nvidia/version; do
      [ -e "$device" ] && echo nvidia
    done
    [ -e /dev/kfd ] && echo amd
    for device in /sys/bus/pci/devices/*; do
      [ -r "$device/class" ] || continue
      read -r class <"$device/class" || continue
      case "$class" in
        0x03* | 0x12*) ;; # display controllers and processing accelerators
        *) continue ;;
      esac
      case "$(cat "$device/vendor" 2>/dev/null)" in
        0x10de) echo nvidia ;;
        0x1002) echo amd ;;
        0x8086) echo intel ;;
      esac
    done
  } | sort -u
}

# A GPU that the kernel shows but that no manifest speaks for would silently be left out of a
# benchmark, so this says what is missing. It never installs a GPU driver.
explain_unserved_gpus() {
  local manifests="$1" gpu
  for gpu in $(list_gpus); do
    case "$gpu" in
      nvidia)
        if ! grep -qi nvidia <<<"$manifests"; then
          say "There is an NVIDIA GPU here, but no working Vulkan driver for it."
          more "In a container: start it with the 'graphics' capability, for example"
          more "  docker run --gpus all -e NVIDIA_DRIVER_CAPABILITIES=graphics,compute,utility ..."
          more "  and have libxext6 and libegl1 in the image, which NVIDIA's library needs."
          more "On the machine itself: install the Vulkan part of its NVIDIA driver, the same"
          more "  version as the kernel module (Debian: nvidia-vulkan-icd; Ubuntu: libnvidia-gl-*)."
        fi
        ;;
      amd)
        if ! grep -qiE 'radeon|amd' <<<"$manifests"; then
          say "There is an AMD GPU here, but no Vulkan driver for it; Mesa's (RADV) serves it."
          more "In a container, pass it in with --device /dev/dri --group-add render."
        fi
        ;;
      intel)
        if ! grep -qi intel <<<"$manifests"; then
          say "There is an Intel GPU here, but no Vulkan driver for it; Mesa's (ANV) serves it."
          more "In a container, pass it in with --device /dev/dri --group-add render."
        fi
        ;;
    esac
  done
}

# ------------------------------------------------------------- installing

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -- "$@"; fi
}

# apt-get's chatter goes into a file: the caller's stdout is data, and its stderr is for people.
apt_get() {
  as_root env DEBIAN_FRONTEND=noninteractive LC_ALL=C \
    apt-get -q -y -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 "$@" </dev/null >>"$apt_log" 2>&1
}

is_installed() {
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

has_candidate() {
  local candidate
  candidate="$(LC_ALL=C apt-cache policy "$1" 2>/dev/null | awk '$1 == "Candidate:" { print $2 }')"
  [ -n "$candidate" ] && [ "$candidate" != "(none)" ]
}

# Installs the packages that are not there yet.
install_packages() {
  local package wanted=() stale=no
  for package in "$@"; do
    is_installed "$package" || wanted+=("$package")
  done
  [ ${#wanted[@]} -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
    say "This needs root, and there is no sudo. As root, run:"
    more "apt-get update && apt-get install -y --no-install-recommends ${wanted[*]}"
    exit 3
  fi
  mkdir -p "$cache"
  for package in "${wanted[@]}"; do
    has_candidate "$package" || stale=yes
  done
  say "installing with apt-get: ${wanted[*]}"
  if [ "$stale" = yes ]; then apt_get update || true; fi
  # Old package lists name versions that the archive has dropped since: hence the second try.
  if ! apt_get install --no-install-recommends "${wanted[@]}"; then
    apt_get update || true
    if ! apt_get install --no-install-recommends "${wanted[@]}"; then
      say "apt-get could not install ${wanted[*]}. The end of $apt_log:"
      tail -n 25 "$apt_log" >&2
      return 1
    fi
  fi
}

# ------------------------------------------------------------- ensure-any

ensure_any() {
  case "$(uname -s)" in
    Linux) ;;
    Darwin)
      say "macOS: Metal is part of the system, nothing to install."
      return 0
      ;;
    *)
      say "$(uname -s): the system's own graphics drivers are used, nothing to install."
      return 0
      ;;
  esac

  local manifests found="" broken="" manifest loader
  manifests="$(list_manifests)"
  while IFS= read -r manifest; do
    [ -n "$manifest" ] || continue
    if icd_usable "$manifest"; then
      found="$found$manifest"$'\n'
    else
      broken="$broken$manifest"$'\n'
    fi
  done <<<"$manifests"
  loader="$(find_library libvulkan.so.1 || true)"

  while IFS= read -r manifest; do
    if [ -n "$manifest" ] && [ -e "$manifest" ]; then
      say "not usable here (the library it names, $(icd_library "$manifest"), is missing or not for this system): $manifest"
    elif [ -n "$manifest" ]; then
      say "named in the environment but not there: $manifest"
    fi
  done <<<"$broken"

  if [ -z "$found" ] && [ -n "${VK_DRIVER_FILES:-${VK_ICD_FILENAMES:-}}" ]; then
    # The loader would overlook anything installed now.
    die "VK_DRIVER_FILES or VK_ICD_FILENAMES is set but names no usable driver: correct or unset it."
  fi

  if [ -n "$found" ] && [ -n "$loader" ]; then
    say "Vulkan loader: $loader"
    while IFS= read -r manifest; do
      [ -n "$manifest" ] && say "Vulkan driver: $manifest"
    done <<<"$found"
    explain_unserved_gpus "$found"
    return 0
  fi

  local packages="libvulkan1"
  if [ -z "$found" ]; then
    say "No Vulkan driver found on this machine."
    explain_unserved_gpus ""
    packages="mesa-vulkan-drivers libvulkan1"
  else
    say "There is a Vulkan driver, but the Vulkan loader libvulkan.so.1 is missing."
  fi

  if ! command -v apt-get >/dev/null; then
    say "This script can install packages on Debian and Ubuntu only. Please install by hand"
    more "Mesa's Vulkan drivers, which include lavapipe (a Vulkan device on the CPU), and the loader:"
    more "  Fedora:  dnf install mesa-vulkan-drivers vulkan-loader"
    more "  Arch:    pacman -S vulkan-swrast vulkan-icd-loader"
    more "  Alpine:  apk add mesa-vulkan-swrast vulkan-loader"
    exit 3
  fi

  if [ -z "$found" ]; then
    say "Installing Mesa's Vulkan drivers, so that something can run: they include lavapipe, which"
    more "is a Vulkan device on the CPU. Its numbers tell about this CPU and not about a GPU."
  fi
  # shellcheck disable=SC2086 # a list of words on purpose
  install_packages $packages || exit 1
  say "done."
}

# ----------------------------------------------------------- test drivers

# Prints the base address of the archive that this machine's own system comes from. Read from
# apt's settings and never written down here, because a machine may reach one mirror only.
archive_base() {
  local codename="$1" base
  # Before the first `apt-get update` apt knows no codenames.
  base="$(apt_target "$codename")"
  if [ -z "$base" ]; then
    apt_get update || true
    base="$(apt_target "$codename")"
  fi
  [ -n "$base" ] || die "apt on this machine has no source for $codename."
  echo "$base"
}

apt_target() {
  # shellcheck disable=SC2016 # expanded by apt-get
  apt-get indextargets --format '$(REPO_URI)|$(RELEASE)|$(CODENAME)' 'Created-By: Packages' |
    awk -F'|' -v c="$1" '($2 == c || $3 == c) && !hit { print $1; hit = 1 }'
}

debian_codename() {
  # shellcheck source=/dev/null
  (. /etc/os-release && echo "${VERSION_CODENAME:-}")
}

keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# A folder that an interrupted attempt left behind may still have file systems mounted in it,
# where the system allows no private mount namespace.
remove_tree() {
  local tree="$1" point
  [ -e "$tree" ] || return 0
  awk -v t="$tree/" 'index($2, t) == 1 { print $2 }' /proc/mounts | sort -r |
    while IFS= read -r point; do as_root umount -l "$point" || true; done
  as_root rm -rf --one-file-system "$tree"
}

# Runs a command whose mounts vanish with it, however it ends.
privately() {
  if as_root unshare --mount --propagation private true 2>/dev/null; then
    as_root unshare --mount --propagation private "$@"
  else
    as_root "$@"
  fi
}

# Prints the manifest in an installed package whose file name matches.
manifest_in() {
  local pattern="$1" path
  shift
  while IFS= read -r path; do
    if [ -f "$path" ] && icd_usable "$path"; then
      echo "$path"
      return 0
    fi
  done < <(dpkg -L "$@" 2>/dev/null | grep -E "$pattern")
  return 1
}

# Writes the manifest anew at each call, since the cache may have been moved with its checkout.
write_manifest_25() {
  local folder="$1" library api
  library="$(find "$folder/root" -name libvulkan_lvp.so -print -quit 2>/dev/null)"
  [ -n "$library" ] || return 1
  api="$(sed -n 's/.*"api_version"[^"]*"\([^"]*\)".*/\1/p' "$folder"/root/usr/share/vulkan/icd.d/lvp_icd*.json | head -n 1)"
  cat >"$folder/lvp_icd.json" <<JSON
{
    "ICD": {
        "api_version": "$api",
        "library_path": "$library"
    },
    "file_format_version": "1.0.0"
}
JSON
}

# A newer lavapipe beside the stock one. It is unpacked and not installed, because installing it
# would replace the stock one.
build_lavapipe_25() {
  local final="$1" tmp="$1.tmp.$$" base deb library
  [ "$(debian_codename)" = bookworm ] ||
    die "the newer lavapipe comes from bookworm-backports, and this system is not Debian 12 (bookworm)."
  install_packages patchelf mesa-vulkan-drivers libvulkan1
  base="$(archive_base bookworm)"
  say "fetching lavapipe from bookworm-backports"
  mkdir -p "$tmp/apt/lists/partial" "$tmp/apt/archives/partial" "$tmp/root"
  # Own package lists: the machine's sources stay as they are.
  printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$base" bookworm \
    "$keyring" "$base" bookworm-backports >"$tmp/apt/sources.list"
  local options=(
    -o "Dir::Etc::sourcelist=$tmp/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o Dir::Etc::preferencesparts=/dev/null
    -o "Dir::State::lists=$tmp/apt/lists" -o "Dir::Cache::archives=$tmp/apt/archives"
    -o "Dir::Cache::pkgcache=" -o "Dir::Cache::srcpkgcache=" -o APT::Sandbox::User=root
  )
  if ! apt_get "${options[@]}" update ||
    ! apt_get "${options[@]}" install --download-only --no-install-recommends \
      -t bookworm-backports mesa-vulkan-drivers; then
    tail -n 25 "$apt_log" >&2
    die "could not fetch mesa-vulkan-drivers from bookworm-backports (all of it is in $apt_log)."
  fi
  for deb in "$tmp"/apt/archives/*.deb; do
    [ -e "$deb" ] || die "bookworm-backports has no newer mesa-vulkan-drivers than the machine's own."
    dpkg-deb -x "$deb" "$tmp/root"
  done
  as_root rm -rf "$tmp/apt"
  library="$(find "$tmp/root" -name libvulkan_lvp.so -print -quit)"
  [ -n "$library" ] || die "the fetched mesa-vulkan-drivers has no lavapipe in it."
  # DT_RPATH and not DT_RUNPATH, so that it also holds for the libraries that these load.
  # shellcheck disable=SC2016 # $ORIGIN is for the dynamic loader
  patchelf --force-rpath --set-rpath '$ORIGIN' "$library"
  if ldd "$library" | grep 'not found' >&2; then
    die "the newer lavapipe lacks these libraries."
  fi
  remove_tree "$final"
  mv "$tmp" "$final"
}

# Mesa 26 has VK_KHR_cooperative_matrix in lavapipe but needs a newer libc than Debian 12 has:
# hence a whole Debian 13 to run it in (scripts/in-trixie.sh). Beside it are the compilers of GPUs, with the
# stand-ins that open cards which are not there (mesa-drm-shim), and the validator of SPIR-V.
build_trixie() {
  local final="$1" tmp="$1.tmp.$$" base
  install_packages debootstrap debian-archive-keyring
  base="$(archive_base "$(debian_codename)")"
  say "making a small Debian 13 (trixie) to run Mesa 26 in"
  mkdir -p "$cache"
  if ! privately debootstrap --variant=minbase --keyring="$keyring" --include=ca-certificates,libvulkan1 \
    trixie "$tmp" "$base" </dev/null >"$cache/debootstrap.log" 2>&1; then
    tail -n 25 "$cache/debootstrap.log" >&2
    die "debootstrap of trixie failed (all of it is in $cache/debootstrap.log)."
  fi
  # shellcheck disable=SC2016 # expanded by the inner shell
  if ! privately bash -c '
    set -eu
    tmp=$1 base=$2 keyring=$3
    cp /etc/resolv.conf /etc/hosts "$tmp/etc/" 2>/dev/null || true
    # The machine may reach its archive only by way of a proxy that its apt settings name.
    apt-config dump | grep -E "^Acquire::(http|https|Retries|Check-)[^ ]* \"" \
      >"$tmp/etc/apt/apt.conf.d/90machine" || true
    echo force-unsafe-io >"$tmp/etc/dpkg/dpkg.cfg.d/speed"
    printf "deb [signed-by=%s] %s %s main\n" "$keyring" "$base" trixie \
      "$keyring" "$base" trixie-backports >"$tmp/etc/apt/sources.list"
    export DEBIAN_FRONTEND=noninteractive LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
    chroot "$tmp" apt-get -q update
    chroot "$tmp" apt-get -q -y --no-install-recommends -o Dpkg::Use-Pty=0 \
      install -t trixie-backports mesa-vulkan-drivers mesa-drm-shim spirv-tools
    rm -rf "$tmp"/var/cache/apt/archives/*.deb "$tmp"/var/lib/apt/lists/*
  ' bash "$tmp" "$base" "$keyring" </dev/null >"$cache/trixie-apt.log" 2>&1; then
    tail -n 25 "$cache/trixie-apt.log" >&2
    die "could not install mesa-vulkan-drivers from trixie-backports (all of it is in $cache/trixie-apt.log)."
  fi
  # A mount point for the checkout, made now because only root can.
  as_root mkdir -p "$tmp$root"
  remove_tree "$final"
  as_root mv "$tmp" "$final"
}

# Prints the manifest's path as seen inside the trixie folder.
manifest_in_trixie() {
  local folder="$1" manifest
  for manifest in "$folder"/usr/share/vulkan/icd.d/lvp_icd*.json; do
    [ -e "$manifest" ] || return 1
    echo "${manifest#"$folder"}"
    return 0
  done
}

# Whether the folder is whole: one of an older checkout has no stand-ins.
has_compilers() {
  local shims=("$1"/usr/lib/*/libamdgpu_noop_drm_shim.so)
  [ -e "${shims[0]}" ]
}

# Takes the lock of the cache on file descriptor 9: two runs in one checkout must not build into the same folders.
lock_cache() {
  mkdir -p "$cache"
  exec 9>"$cache/.lock"
  flock -n 9 || say "waiting for another drivers.sh in this checkout"
  flock -w 1800 9 || die "another drivers.sh has held $cache/.lock for half an hour."
  # What is shown of it after a failure should be about this call.
  : >"$apt_log"
  local left
  for left in "$cache"/*.tmp.*; do
    [ -e "$left" ] && remove_tree "$left"
  done
  return 0
}

compilers() {
  [ "$(uname -s)" = Linux ] || die "compilers of GPUs that are not here are opened on Linux only."
  command -v apt-get >/dev/null || {
    say "The compilers are packages of Debian, and there is no apt-get here. Install by hand Mesa 26 or newer"
    more "with its Vulkan drivers and its drm-shim libraries (Debian 13: mesa-vulkan-drivers, mesa-drm-shim)."
    exit 3
  }
  lock_cache
  local folder="$cache/trixie"
  has_compilers "$folder" || bash "$self" _build-trixie "$folder" || exit 1
  assign PORTAMARK_COMPILERS "$folder"
}

missing=0
cannot_have() {
  if [ "${PORTAMARK_ALLOW_MISSING_DRIVERS:-}" = 1 ]; then
    say "warning: going on without $1 (PORTAMARK_ALLOW_MISSING_DRIVERS=1)."
  else
    say "error: the tests need $1, and it could not be had (the text above says why)."
    more "PORTAMARK_ALLOW_MISSING_DRIVERS=1 runs them without it."
    missing=1
  fi
}

assign() { printf '%s=%q\n' "$1" "$2"; }

test_drivers() {
  [ "$(uname -s)" = Linux ] || die "the driver tests need Linux."
  command -v apt-get >/dev/null || {
    say "the driver tests' drivers are Debian packages, and there is no apt-get here."
    exit 3
  }
  lock_cache

  # The manifests are looked up below as files, whatever the caller selected for itself.
  unset VK_DRIVER_FILES VK_ICD_FILENAMES VK_ADD_DRIVER_FILES
  local manifest

  # Each in a shell of its own, where `set -e` holds inside a condition as well. The builders keep
  # the lock open, so that one left alone by a killed parent is waited for; an installation lets
  # go of it, as a package may start a service that stays.
  if bash "$self" _install mesa-vulkan-drivers libvulkan1 9>&- &&
    manifest="$(manifest_in 'icd\.d/lvp_icd.*\.json$' mesa-vulkan-drivers)"; then
    assign PORTAMARK_ICD_LAVAPIPE "$manifest"
  else
    cannot_have "the system's lavapipe (package mesa-vulkan-drivers)"
  fi

  # The browser is installed whole: the tests also look at reports with it.
  if bash "$self" _install chromium 9>&- &&
    manifest="$(manifest_in 'vk_swiftshader_icd\.json$' chromium chromium-common)"; then
    assign PORTAMARK_ICD_SWIFTSHADER "$manifest"
  else
    cannot_have "SwiftShader (package chromium)"
  fi

  local folder="$cache/lavapipe-25"
  if { [ -d "$folder" ] || bash "$self" _build-lavapipe-25 "$folder"; } &&
    write_manifest_25 "$folder" && icd_usable "$folder/lvp_icd.json"; then
    assign PORTAMARK_ICD_LAVAPIPE_NEW "$folder/lvp_icd.json"
  else
    cannot_have "the newer lavapipe (bookworm-backports)"
  fi

  folder="$cache/trixie"
  if { has_compilers "$folder" || bash "$self" _build-trixie "$folder"; } &&
    manifest="$(manifest_in_trixie "$folder")"; then
    assign PORTAMARK_TRIXIE_ROOT "$folder"
    assign PORTAMARK_COMPILERS "$folder"
    assign PORTAMARK_ICD_LAVAPIPE_TRIXIE "$manifest"
  else
    cannot_have "Mesa 26's lavapipe (trixie-backports)"
  fi

  return "$missing"
}

usage() {
  sed -n '2,/^set -/p' "$self" | sed -n 's/^# \{0,1\}//p'
}

# Sourced, this file only defines its functions.
if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  command="${1:-}"
  [ $# -eq 0 ] || shift
  case "$command" in
    ensure-any) ensure_any ;;
    compilers) compilers ;;
    test-drivers) test_drivers ;;
    _install) install_packages "$@" ;;
    _build-lavapipe-25) build_lavapipe_25 "$@" ;;
    _build-trixie) build_trixie "$@" ;;
    -h | --help | help) usage ;;
    *)
      usage >&2
      exit 2
      ;;
  esac
fi
