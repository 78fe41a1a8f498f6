#!/bin/sh
# Creates the service's own key and a bucket that belongs to it, so that no gateway and no worker has the root key. Safe to repeat.
set -eu

# What goes into XML and into a line of curl's configuration as it is.
for value in "${S3_ACCESS_KEY_ID:?}" "${S3_SECRET_ACCESS_KEY:?}" "${AWS_ACCESS_KEY_ID:?}" "${AWS_SECRET_ACCESS_KEY:?}"; do
  case "$value" in *[!A-Za-z0-9_/+=.-]*) echo "keys of the blob store: letters, digits and _ / + = . - only" >&2 && exit 1 ;; esac
done
[ "$S3_ACCESS_KEY_ID" != "$AWS_ACCESS_KEY_ID" ] || { echo "S3_ACCESS_KEY_ID must not be S3_ROOT_ACCESS_KEY_ID" >&2 && exit 1; }

# Sends a request that is signed with the root key and prints the status. Standard input is the body.
# Keys go through standard input and files in memory, not through arguments that every process can list.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
request() {
  cat >"$work/body"
  # S3 asks for the SHA-256 of the body; older versions of curl do not send it by themselves.
  digest=$(sha256sum "$work/body" | cut -d ' ' -f 1)
  printf 'user = "%s:%s"\n' "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" |
    curl --config - --aws-sigv4 'aws:amz:us-east-1:s3' --header "x-amz-content-sha256: $digest" --header 'Content-Type: application/xml' \
      --silent --show-error --output /dev/null --retry 10 --retry-connrefused --write-out '%{http_code}' \
      --request "$1" --data-binary "@$work/body" "${S3_ENDPOINT:?}/$2"
}
expect() {
  case " $3 " in
    *" $2 "*) echo "$1" ;;
    *) echo "$1: the blob store answered $2" >&2 && exit 1 ;;
  esac
}

account="<Account><Access>$S3_ACCESS_KEY_ID</Access><Secret>$S3_SECRET_ACCESS_KEY</Secret><Role>user</Role></Account>"
status=$(printf '%s' "$account" | request PATCH create-user)
if [ "$status" = 409 ]; then
  # The key is there; its secret follows .env.
  secret="<MutableProps><Secret>$S3_SECRET_ACCESS_KEY</Secret></MutableProps>"
  status=$(printf '%s' "$secret" | request PATCH "update-user?access=$S3_ACCESS_KEY_ID")
fi
expect "the key of the service" "$status" '200 201'

# 409: it is there.
status=$(request PUT "${S3_BUCKET:?}" </dev/null)
expect "the bucket $S3_BUCKET" "$status" '200 409'
# Also after the key was replaced by another one, and for a bucket of an earlier version.
status=$(request PATCH "change-bucket-owner?bucket=$S3_BUCKET&owner=$S3_ACCESS_KEY_ID" </dev/null)
expect "the bucket belongs to the service" "$status" '200 201 204'
