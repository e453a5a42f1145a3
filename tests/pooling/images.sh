#!/usr/bin/env bash
# The images of the pooling tests, in the lab's node: localhost/pgbouncer:1.24.1 and localhost/postgres:17 from Debian packages, and
# localhost/pool-client:dev from the example pool-client, static or not.
#
#   tests/pooling/images.sh [POOL-CLIENT]
#
# Unpacked roots are kept in $LAB_HOME/rootfs; an image is packed again when its recipe changes or the node is a new one.
set -euo pipefail
cd "$(dirname "$0")/../.."
lab=tests/lab/lab
suite=trixie
home=${LAB_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/plimsoll-lab}
loaded=$(dirname "$(dirname "$($lab kubeconfig)")")/images
mkdir -p "$home/rootfs" "$loaded"
# Two callers at once must not unpack into one directory.
exec 8<"$home/rootfs"
flock 8

slim() { # ROOT: what neither program reads; the just-in-time compiler alone is half of Postgres
  local lib=$1/usr/lib
  rm -rf "$1"/usr/share/{doc,man,locale,info,perl,perl5,bash-completion} "$1"/var/{cache,lib}/{apt,dpkg,debconf} \
    "$lib"/postgresql/*/lib/{bitcode,llvmjit*} "$lib"/x86_64-linux-gnu/{libLLVM*,libz3*,perl,perl-base,gconv,libperl*}
}

image() { # NAME:TAG PROGRAM VERSION PACKAGE…: fails when the package is no longer the version that the tag promises
  local name=$1 program=$2 version=$3 root recipe partial
  shift 3
  recipe=$(printf '%s\n' "$suite" "$program" "$*" "$(declare -f slim)" | sha256sum | cut -c1-16)
  root=$home/rootfs/$(basename "${name%:*}")-$recipe
  if [ ! -d "$root" ]; then
    rm -rf "$home/rootfs/$(basename "${name%:*}")"-*
    partial=$root.partial
    $lab rootfs "$partial" "$suite" "$@" >&2
    slim "$partial"
    chroot "$partial" "$program" --version | grep -qw "$version" || { echo "$suite has no $program $version" >&2; exit 1; }
    mv "$partial" "$root"
  fi
  [ "$(cat "$loaded/$(basename "$name")" 2>/dev/null)" = "$recipe" ] && return
  $lab image "$name" "$root" "$program"
  echo "$recipe" >"$loaded/$(basename "$name")"
  echo "loaded $name"
}

image localhost/pgbouncer:1.24.1 /usr/sbin/pgbouncer '1\.24\.1' pgbouncer
image localhost/postgres:17 /usr/lib/postgresql/17/bin/postgres '17\.[0-9]*' postgresql-17

if [ -n "${1:-}" ]; then
  stamp=$loaded/pool-client:dev digest=$(sha256sum <"$1" | cut -c1-16)
  if [ "$(cat "$stamp" 2>/dev/null)" != "$digest" ]; then
    work=$(mktemp -d "$home/rootfs/client.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    # A program that is not static needs the C library, and pgbouncer's root has a newer one than this machine.
    cp -al "$home/rootfs/pgbouncer-"*/. "$work"
    rm "$work/usr/sbin/pgbouncer"
    install -s "$1" "$work/pool-client"
    $lab image localhost/pool-client:dev "$work" /pool-client
    echo "$digest" >"$stamp"
    echo 'loaded localhost/pool-client:dev'
  fi
fi
