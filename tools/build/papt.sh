#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Private apt: packages of another Debian suite, unpacked into the cache, without touching the system's apt.
#
#   papt.sh mirror                      the mirror of the machine's own Debian release
#   papt.sh show SUITE PACKAGE          the newest record of PACKAGE in SUITE (apt-cache show)
#   papt.sh source-uri SUITE PACKAGE    'URI' FILE SIZE HASH lines of the suite's newest source
#   papt.sh download SUITE DIR PACKAGE..  the named packages' .deb files into DIR
#   papt.sh unpack SUITE DIR PACKAGE..  unpack the named packages (no dependencies) below DIR
#
# The lists are refreshed when they are older than $NEURON_APT_MAX_AGE minutes (default a day).
set -euo pipefail
# shellcheck source=tools/build/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
NEURON_TAG=apt

# The mirror comes from apt itself, so classic and deb822 sources both do.
mirror() {
	local codename uri
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME:?}")
	# shellcheck disable=SC2016 # apt expands these
	uri=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Identifier: Packages' |
		awk -v r="$codename" '$2 == r && $3 == "main" { print $1; exit }')
	[ -n "$uri" ] || die "apt's sources list no '$codename main': add that line to /etc/apt/sources.list"
	printf '%s\n' "${uri%/}"
}

# Writes the configuration of SUITE's private apt and exports APT_CONFIG.
suite_config() {
	local dir=$NEURON_CACHE/apt/$1 key=/usr/share/keyrings/debian-archive-keyring.gpg uri
	[ -r "$key" ] || die "no $key: install debian-archive-keyring"
	uri=$(mirror)
	mkdir -p "$dir"/{lists,archives}/partial
	: >"$dir/status"
	for type in deb deb-src; do
		echo "$type [signed-by=$key arch=amd64] $uri $1 main"
	done >"$dir/sources.list"
	cat >"$dir/apt.conf" <<-CONF
		Dir::State "$dir";
		Dir::State::lists "$dir/lists";
		Dir::State::status "$dir/status";
		Dir::Cache "$dir";
		Dir::Cache::archives "$dir/archives";
		Dir::Etc::sourcelist "$dir/sources.list";
		Dir::Etc::sourceparts "/dev/null";
		Dir::Etc::preferencesparts "/dev/null";
		APT::Architecture "amd64";
		APT::Architectures { "amd64"; };
		APT::Sandbox::User "root";
		Acquire::Languages "none";
		Acquire::Retries "3";
	CONF
	export APT_CONFIG=$dir/apt.conf
}

update() {
	local stamp=$NEURON_CACHE/apt/$1/updated
	suite_config "$1"
	[ -n "$(find "$stamp" -mmin "-${NEURON_APT_MAX_AGE:-1440}" 2>/dev/null)" ] && return
	say "reading the package lists of $1"
	logged "$NEURON_CACHE/apt/$1/update.log" apt-get update --error-on=any
	touch "$stamp"
}

# download SUITE DIR PACKAGE...: the packages' .deb files.
download() {
	local suite=$1 dir=$2
	shift 2
	update "$suite"
	say "fetching $* ($suite)"
	mkdir -p "$dir"
	(cd "$dir" && logged "$NEURON_CACHE/apt/$suite/download.log" apt-get download "$@")
}

unpack() {
	local suite=$1 dir=$2 deb tmp
	shift 2
	mkdir -p "$NEURON_CACHE/apt"
	tmp=$(mktemp -d "$NEURON_CACHE/apt/download.XXXXXX")
	# shellcheck disable=SC2064 # the value of now is meant
	trap "rm -rf '$tmp'" EXIT
	download "$suite" "$tmp" "$@"
	mkdir -p "$dir"
	for deb in "$tmp"/*.deb; do
		dpkg-deb -x "$deb" "$dir"
	done
}

command=${1:-}
[ -z "$command" ] || shift
case $command in
mirror)
	mirror
	;;
show)
	lock apt
	update "$1"
	apt-cache show --no-all-versions "$2"
	;;
source-uri)
	lock apt
	update "$1"
	apt-get source --print-uris --download-only --only-source "$2" 2>/dev/null | grep "^'"
	;;
download)
	lock apt
	download "$@"
	;;
unpack)
	lock apt
	unpack "$@"
	;;
*)
	die "usage: papt.sh mirror | show SUITE PACKAGE | source-uri SUITE PACKAGE | download SUITE DIR PACKAGE... | unpack SUITE DIR PACKAGE..."
	;;
esac
