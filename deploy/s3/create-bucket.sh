#!/bin/sh
# Creates the bucket of the blob store. Safe to repeat: 409 says that it is there and ours.
set -eu

# S3 asks for the SHA-256 of the body, which is empty here; older versions of curl do not send it by themselves.
empty=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
status=$(
  # The key goes through standard input, not through arguments that every process can list.
  printf 'user = "%s:%s"\n' "${AWS_ACCESS_KEY_ID:?}" "${AWS_SECRET_ACCESS_KEY:?}" |
    curl --config - --aws-sigv4 'aws:amz:us-east-1:s3' --header "x-amz-content-sha256: $empty" --silent --show-error --output /dev/null \
      --retry 10 --retry-connrefused --write-out '%{http_code}' --request PUT "${S3_ENDPOINT:?}/${S3_BUCKET:?}"
)
case "$status" in
  200 | 409) echo "bucket $S3_BUCKET is there" ;;
  *) echo "creating the bucket $S3_BUCKET was answered with $status" >&2 && exit 1 ;;
esac
