#!/usr/bin/env bash
# A certificate authority, and one certificate of it for the pool and the servers: ca.crt, tls.crt and tls.key in DIRECTORY.
set -euo pipefail
directory=$1 namespace=$2
mkdir -p "$directory"
cd "$directory"
quietly() { "$@" 2>/dev/null; }
quietly openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=pooling tests' -keyout ca.key -out ca.crt \
  -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign
names=
for name in auth-pgbouncer auth-db-1 auth-db-2 auth-db-3 auth-db-rw; do names+="DNS:$name,DNS:$name.$namespace.svc,"; done
quietly openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=auth' -keyout tls.key -out tls.csr
quietly openssl x509 -req -in tls.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -out tls.crt \
  -extfile <(echo "subjectAltName=${names%,}")
