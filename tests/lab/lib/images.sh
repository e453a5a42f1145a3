# shellcheck shell=bash
# Images without a registry: from a directory, from a static binary, from a Containerfile.

load() { # ARCHIVE
  alive containerd || die "no node to load an image into: run 'lab up node' first"
  ctr images import "$1" >/dev/null
}

image() { # NAME:TAG ROOTDIR ENTRYPOINT...
  local archive
  (($# >= 3)) || die "image NAME:TAG ROOTDIR ENTRYPOINT..."
  scratch_open
  archive=$(scratch)/image.tar
  python3 "$HERE/mkimage.py" "$archive" "$@"
  load "$archive"
}

image_of() { # NAME:TAG BINARY: of one static binary of the lab, unless the node has it already
  local root stamp
  stamp=$LAB_RUN/images/$(basename "$1")
  [ "$stamp" -nt "$LAB_BIN/$2" ] && return
  scratch_open
  root=$(scratch)
  install -D "$LAB_BIN/$2" "$root/bin/$2"
  image "$1" "$root" "/bin/$2"
  mkdir -p "$LAB_RUN/images"
  touch "$stamp"
}

containerfile() { # NAME:TAG CONTAINERFILE CONTEXT
  local work cache=/var/lib/containers
  (($# == 3)) || die "containerfile NAME:TAG CONTAINERFILE CONTEXT"
  scratch_open
  work=$(scratch)
  [ -e "$cache" ] || scratch_also "$cache"
  # vfs and chroot need neither a kernel module nor a daemon. The storage is thrown away: bases are `scratch` here.
  # chroot isolation leaves a build the network, so the whole of buildah runs in a network namespace that has none.
  local buildah=(unshare --net buildah --root "$work/root" --runroot "$work/run" --storage-driver vfs)
  "${buildah[@]}" bud --quiet --isolation chroot --tag "$1" --file "$2" "$3" >/dev/null
  "${buildah[@]}" push --quiet "$1" "docker-archive:$work/image.tar:$1"
  load "$work/image.tar"
}

rootfs() { # DIR SUITE PACKAGE...
  local dir=$1 suite=$2 mirror name
  shift 2
  mirror=${LAB_MIRROR:-$(awk '/^URIs:/ { print $2; exit }' /etc/apt/sources.list.d/debian.sources 2>/dev/null || true)}
  # Extracted, not installed: no maintainer script runs, so the shell's link and the users are ours to make.
  mmdebstrap --quiet --variant=extract --include="$(IFS=,; echo "dash,coreutils,$*")" "$suite" "$dir" ${mirror:+"$mirror"}
  for name in bin sbin lib lib64; do [ -e "$dir/$name" ] || ln -s "usr/$name" "$dir/$name"; done
  [ -e "$dir/usr/bin/sh" ] || ln -s dash "$dir/usr/bin/sh"
  printf '%s\n' root:x:0:0::/:/bin/sh app:x:999:999::/tmp:/bin/sh nobody:x:65534:65534::/:/bin/false >"$dir/etc/passwd"
  printf '%s\n' root:x:0: app:x:999: nogroup:x:65534: >"$dir/etc/group"
}
