#!/bin/sh
# A step of a pipeline before the rollout: ends with 0 where it may go on, else prints why and fails. Where the operator does not
# know, the step goes on; with unknown=deny in the URL it would fail.
#
#   NAMESPACE=shop PROFILE=web ./pipeline.sh
#   RETRIES=60 DELAY=60 …             wait for up to an hour instead
set -eu
exec curl --fail-with-body --silent --show-error --max-time 10 \
  --retry "${RETRIES:-0}" --retry-delay "${DELAY:-60}" --retry-all-errors \
  "${PLIMSOLL:-http://plimsoll.plimsoll-system:8080}/gate/${NAMESPACE:?}/${PROFILE:?}?unknown=allow"
