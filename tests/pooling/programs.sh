#!/usr/bin/env bash
# The tests that need the programs and no cluster: the agent with a real PgBouncer and Postgres, the table of settings against
# PgBouncer, and the SQL in Postgres. As root, with the programs of the lab's images, which run as nobody.
#
#   PLIMSOLL=target/debug/plimsoll tests/pooling/programs.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${PLIMSOLL:?the binary of the operator}"
tests/pooling/images.sh
roots=${LAB_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/plimsoll-lab}/rootfs
scratch=$(mktemp -d)
finish() {
  inside pg_ctl stop -m immediate -D /tmp/sql/data >/dev/null 2>&1 || true
  rm -rf "$scratch"
}
trap finish EXIT
# Nobody may not pass root's home, so they are where everybody may; links, where the file system is the same.
chmod 755 "$scratch"
for name in pgbouncer postgres; do
  cp -al "$roots/$name-"*/ "$scratch/$name" 2>/dev/null || { rm -rf "${scratch:?}/$name"; cp -a "$roots/$name-"*/ "$scratch/$name"; }
done
install -d -m 1777 "$scratch/postgres/tmp"
of() { # ROOT PROGRAM: a program of a root directory, with the libraries of that root
  echo "$scratch/$1/lib64/ld-linux-x86-64.so.2 --library-path $scratch/$1/usr/lib/x86_64-linux-gnu $scratch/$1$2"
}
nobody='setpriv --reuid=65534 --regid=65534 --clear-groups'
bin=/usr/lib/postgresql/17/bin
export LC_ALL=C
PGBOUNCER="$nobody $(of pgbouncer /usr/sbin/pgbouncer)"
PSQL="$nobody $(of postgres $bin/psql)"
export PGBOUNCER PSQL POSTGRES_ROOT="$scratch/postgres"

inside() { chroot --userspec=65534:65534 "$POSTGRES_ROOT" "$bin/$1" "${@:2}"; }

POSTGRES="chroot --userspec=65534:65534 $POSTGRES_ROOT $bin" cargo test --locked --test pooler --test postgres
cargo test --locked --test pooler_agent -- --ignored --test-threads=1

install -d -o 65534 -g 65534 -m 700 "$POSTGRES_ROOT/tmp/sql"
inside initdb -U postgres --auth=trust --no-sync --locale=C -D /tmp/sql/data >/dev/null
inside pg_ctl start --wait -D /tmp/sql/data -l /tmp/sql/log -o "-c listen_addresses= -c unix_socket_directories=/tmp/sql -c fsync=off" >/dev/null
PSQL="$PSQL -h $POSTGRES_ROOT/tmp/sql -U postgres"
tests/pooler-sql.sh
