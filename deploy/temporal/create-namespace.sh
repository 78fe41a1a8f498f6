#!/bin/sh
# Creates the namespace and the search attributes of src/temporal/names.ts. Safe to repeat.
set -eu

# TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE are read by the Temporal CLI itself.
: "${TEMPORAL_ADDRESS:?}" "${TEMPORAL_NAMESPACE:?}" "${RETENTION:?}"

temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1 ||
  temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$RETENTION"

# A new namespace reaches every part of the server within seconds; until then it is "not found".
tries=0
until known=$(temporal operator search-attribute list 2>&1); do
  tries=$((tries + 1))
  if [ "$tries" -ge 30 ]; then
    echo "$known" >&2
    exit 1
  fi
  sleep 2
done

for attribute in ProjectId:Keyword ImportKind:Keyword ImportState:Keyword ItemsFailed:Int ItemsOpen:Int Trouble:KeywordList; do
  name=${attribute%%:*}
  if ! echo "$known" | grep -qw "$name"; then
    temporal operator search-attribute create --name "$name" --type "${attribute#*:}"
  fi
done
