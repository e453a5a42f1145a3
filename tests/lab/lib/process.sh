# shellcheck shell=bash
# Components are plain processes. A pid file holds a pid and the birth of its process, so that a number that the
# kernel has given to somebody else since then is never taken for ours, and never killed.

say() { echo "lab: $*" >&2; }
die() { say "$@"; exit 1; }

lock() { # DIRECTORY: ours until this process ends
  mkdir -p "$1"
  exec 9<"$1"
  flock --nonblock 9 || { say "waiting for another lab command on $1"; flock 9; }
}

scratch_open() { # before the first `scratch`, which runs in a subshell
  [ -z "${SCRATCH:-}" ] || return 0
  SCRATCH=$(mktemp -d) SCRATCH_ALSO=
  trap 'rm -rf "$SCRATCH" ${SCRATCH_ALSO:+"$SCRATCH_ALSO"}' EXIT
}
scratch() { mktemp -d "$SCRATCH/XXXXXX"; } # prints a directory that goes when this process ends
scratch_also() { SCRATCH_ALSO=$1; }

birth() { # PID: when it was born, since which boot; fails when it is gone or only waits to be reaped
  local stat
  read -r stat 2>/dev/null <"/proc/$1/stat" || return 1
  # The name, in parentheses, may hold anything: the fields are counted from behind it.
  read -ra stat <<<"${stat##*) }"
  [ "${stat[0]}" != Z ] || return 1
  echo "${stat[19]}@$(</proc/sys/kernel/random/boot_id)"
}

alive() { # NAME
  local pid born
  read -r pid born 2>/dev/null <"$LAB_RUN/pid/$1" || return 1
  [ -n "$born" ] && [ "$(birth "$pid")" = "$born" ]
}

port_is_free() { # PORT
  [ -z "$(ss --no-header --listening --tcp --numeric "sport = :$1")" ]
}

start() { # NAME PORT|- COMMAND...: in a session of its own, unless it runs already
  local name=$1 port=$2 pid
  shift 2
  alive "$name" && return
  [ "$port" = - ] || port_is_free "$port" || die "port $port of $name is taken by a process that is not of this lab"
  mkdir -p "$LAB_RUN/log" "$LAB_RUN/pid"
  setsid "$@" >>"$LAB_RUN/log/$name.log" 2>&1 </dev/null 9<&- &
  pid=$!
  echo "$pid $(birth "$pid")" >"$LAB_RUN/pid/$name"
  say "started $name"
}

stop() { # SIGNAL NAME...
  local name pid signal=$1 pids=()
  shift
  for name; do
    alive "$name" || continue
    read -r pid _ <"$LAB_RUN/pid/$name"
    pids+=("$pid")
    kill -s "$signal" "$pid" 2>/dev/null || true
  done
  wait_until_gone 10 "${pids[@]}" || die "pids ${pids[*]} do not end"
  for name; do rm -f "$LAB_RUN/pid/$name"; done
}

wait_until_gone() { # SECONDS PID...
  local until=$((SECONDS + $1)) pid
  shift
  for pid; do
    while birth "$pid" >/dev/null; do
      ((SECONDS < until)) || return 1
      sleep 0.05
    done
  done
}

wait_for() { # SECONDS COMPONENT COMMAND...: until the command succeeds; the component must live meanwhile
  local until=$((SECONDS + $1)) name=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    if ! alive "$name" || ((SECONDS >= until)); then
      tail -n 20 "$LAB_RUN/log/$name.log" >&2
      die "$name: gave up on: $*"
    fi
    sleep 0.2
  done
}

COMPONENTS=(etcd kube-apiserver kube-controller-manager kube-scheduler
  containerd kubelet kube-proxy coredns metrics-server prometheus-operator)

status() {
  local name bad=0 any=0
  for name in "${COMPONENTS[@]}"; do
    [ -f "$LAB_RUN/pid/$name" ] || continue
    any=1
    if alive "$name"; then echo "up   $name"; else echo "DOWN $name"; bad=1; fi
  done
  ((any)) || { echo "the lab is down"; return 1; }
  if alive prometheus-operator; then
    if curl -sf --max-time 2 "$PROMETHEUS_URL/-/ready" >/dev/null; then echo "up   prometheus $PROMETHEUS_URL"
    else echo "DOWN prometheus $PROMETHEUS_URL"; bad=1; fi
  fi
  return "$bad"
}
