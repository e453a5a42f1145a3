# shellcheck shell=bash
# Stop everything, and leave the machine as it was.

cgroup_of() { # BUNDLE: the cgroup of its container
  python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["linux"]["cgroupsPath"])' "$1/config.json" 2>/dev/null
}

# Containers outlive containerd by design. Each has a bundle under our state directory, which names its cgroup; every
# process in there is its own.
kill_containers() {
  local bundle cgroup file pids
  for bundle in "$LAB_RUN"/state/io.containerd.runtime.v2.task/k8s.io/*/; do
    cgroup=$(cgroup_of "$bundle") || continue
    for file in "/sys/fs/cgroup$cgroup/cgroup.procs" "/sys/fs/cgroup/pids$cgroup/cgroup.procs"; do
      [ -r "$file" ] || continue
      mapfile -t pids <"$file"
      kill -KILL "${pids[@]}" 2>/dev/null || true
    done
  done
}

kill_shims() { # after containerd, which would start them again
  local proc socket
  for proc in /proc/[0-9]*; do
    [[ $(readlink "$proc/exe" 2>/dev/null) == "$LAB_BIN/containerd-shim-runc-v2"* ]] || continue
    grep -qzxF -- "$CONTAINERD_SOCKET" "$proc/cmdline" 2>/dev/null || continue
    kill -KILL "${proc#/proc/}" 2>/dev/null || true
  done
  # A shim that is killed leaves its socket.
  grep -rhoE --include=bootstrap.json --include=address 'unix://[^"]+' "$LAB_RUN/state" 2>/dev/null |
    while read -r socket; do rm -f "${socket#unix://}"; done || true
}

unmount_all() {
  awk -v run="$LAB_RUN/" 'index($2, run) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r -n1 umount -l 2>/dev/null || true
}

remove_cgroups() { # of pods: only those without a process can go, which is what is asked for
  local root
  for root in /sys/fs/cgroup/kubepods /sys/fs/cgroup/*/kubepods; do
    if [ -d "$root" ]; then find "$root" -depth -type d -exec rmdir {} + 2>/dev/null || true; fi
  done
}

remove_network() {
  local family
  [ -d "$LAB_RUN" ] || return 0
  ip link del lab0 2>/dev/null || true
  [ -f "$LAB_RUN/borrowed" ] || return 0
  for family in ip ip6; do nft delete table "$family" kube-proxy 2>/dev/null || true; done
}

give_back() {
  local kind name value
  [ -f "$LAB_RUN/borrowed" ] || return 0
  while read -r kind name value; do
    case $kind in
      path) umount -l "$name"/* 2>/dev/null || true; rm -rf "$name" ;;
      sysctl) sysctl -qw "$name=$value" ;;
    esac
  done <"$LAB_RUN/borrowed"
}

down() { # by SIGKILL: no state outlives it
  stop KILL kubelet # first of all: it starts again what is killed
  kill_containers
  stop KILL "${COMPONENTS[@]}"
  kill_shims
  unmount_all
  remove_cgroups
  remove_network
  give_back
  rm -rf "$LAB_RUN"
}
