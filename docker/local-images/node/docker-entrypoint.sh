#!/bin/sh
# The official image's contract: an option or something that is no command is given to node.
set -e
if [ "${1#-}" != "$1" ] || ! command -v "$1" >/dev/null; then set -- node "$@"; fi
exec "$@"
