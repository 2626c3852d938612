#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs the Debian 12 packages that are missing: deps.sh [build] [run] [test] [package] [bench] [tidy] (default: the first three).
# What Debian 12 does not have (QEMU's source, the 6.12 kernel) is fetched by the scripts that use it.
set -euo pipefail
# shellcheck source=tools/build/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
NEURON_TAG=deps

declare -A packages=(
	[build]="gcc g++ make ninja-build meson pkgconf python3 python3-venv python3-numpy xz-utils lz4 zstd patch
		libcli11-dev libcmocka-dev libdrm-dev libdw-dev libelf-dev libexpected-dev libfmt-dev libhwy-dev liburing-dev
		libmpfr-dev libopenblas-dev libsleef-dev
		nlohmann-json3-dev
		libattr1-dev libfdt-dev libglib2.0-dev libslirp-dev
		help2man python3-shtab
		bc binutils bison flex kmod pahole perl"
	[run]="busybox-static qemu-system-data seabios"
	[test]="clang clang-format dkms fish libclang-rt-14-dev lintian llvm man-db mandoc python3-jsonschema python3-yaml
		shellcheck sparse zsh chrpath debhelper dh-dkms"
	[package]="chrpath debhelper dh-dkms file"
	[bench]="fio"
	[tidy]="clang-tidy"
)

wanted=()
for set in "${@:-build run test}"; do
	# shellcheck disable=SC2086 # lists of words
	for name in $set; do
		[ -n "${packages[$name]:-}" ] || die "no package list '$name' (there are: ${!packages[*]})"
		read -r -d '' -a list <<<"${packages[$name]}" || true
		wanted+=("${list[@]}")
	done
done

# One question for all: names that are installed.
have=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null |
	sed -n 's/^installed //p') || true
mapfile -t missing < <(comm -23 <(printf '%s\n' "${wanted[@]}" | sort -u) <(sort -u <<<"$have"))
[ "${#missing[@]}" -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null || die "these packages are missing: ${missing[*]}; install them as root"
	as_root=(sudo)
fi
say "installing ${missing[*]}"
log=$NEURON_BUILD/log/apt.log
logged "$log" "${as_root[@]}" apt-get update
logged "$log" "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
	apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 "${missing[@]}"
