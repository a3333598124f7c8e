#!/usr/bin/env bash
# Builds, from Debian packages, images that stand in for the official ones on a machine without an image
# registry: same names, same contract (variables, paths, entrypoint), labelled replibench.local-image=1.
#
#   docker/local-images/build.sh [--rebuild] [postgres|redis|nginx|node|prometheus|postgres-exporter ...]
#
# An image that is there already is kept; an image of that name without the label (an official one) is never
# overwritten. DEBIAN_IMAGE (debian:trixie-slim) is the base; *_IMAGE, as in .env.example, are the names.
set -euo pipefail
cd "$(dirname "$0")"

readonly label=replibench.local-image
readonly base=${DEBIAN_IMAGE:-debian:trixie-slim}
readonly all=(postgres redis nginx node prometheus postgres-exporter)
readonly npm_version=11.21.2

fail() {
  echo "build.sh: $*" >&2
  exit 2
}

tag_of() {
  case $1 in
    postgres) echo "${POSTGRES_IMAGE:-postgres:17}" ;;
    redis) echo "${REDIS_IMAGE:-redis:7}" ;;
    nginx) echo "${NGINX_IMAGE:-nginx:1.28}" ;;
    node) echo "${NODE_IMAGE:-node:24}" ;;
    prometheus) echo "${PROMETHEUS_IMAGE:-prom/prometheus:v3.5.0}" ;;
    postgres-exporter) echo "${POSTGRES_EXPORTER_IMAGE:-quay.io/prometheuscommunity/postgres-exporter:v0.18.1}" ;;
    *) fail "no image called $1: choose from ${all[*]}" ;;
  esac
}

# Node and npm come from npm packages, fetched by this machine's npm with its own configuration, so that
# neither a registry nor a certificate has to be known inside the build. An installed Node is taken as it is.
fetch_node() {
  local context=$1 version platform installed=../../node_modules/node/bin/node
  version=$(node -p "require('../../package.json').devDependencies.node")
  platform=$(node -p "process.arch === 'arm64' ? 'arm64' : 'x64'")
  if [ "$(uname -s)" = Linux ] && [ "$("$installed" --version 2>/dev/null)" = "v$version" ]; then
    cp "$installed" "$context/node"
  else
    (cd "$context" && npm pack --loglevel=error "node-linux-$platform@$version" >/dev/null)
    tar -xzf "$context"/node-linux-*.tgz -C "$context" --strip-components=2 package/bin/node
    rm "$context"/node-linux-*.tgz
  fi
  (cd "$context" && npm pack --loglevel=error "npm@$npm_version" >/dev/null)
  mv "$context"/npm-*.tgz "$context/npm.tgz"
}

build() {
  local name=$1 tag=$2 context
  context=$(mktemp -d)
  # shellcheck disable=SC2064 # this context; build runs in a process of its own
  trap "rm -rf '$context'" EXIT
  cp -R "$name/." "$context"
  if [ "$name" = node ]; then fetch_node "$context"; fi
  docker build --quiet --build-arg "DEBIAN_IMAGE=$base" --label "$label=1" --tag "$tag" "$context" >/dev/null
}

rebuild=false
if [ "${1:-}" = --rebuild ]; then
  rebuild=true
  shift
fi
names=("$@")
if [ ${#names[@]} -eq 0 ]; then names=("${all[@]}"); fi

docker info >/dev/null 2>&1 || fail "no Docker engine answers: start it first"
missing=()
for name in "${names[@]}"; do
  tag=$(tag_of "$name")
  if owner=$(docker image inspect --format "{{index .Config.Labels \"$label\"}}" "$tag" 2>/dev/null); then
    if ! $rebuild; then
      echo "$tag is there"
      continue
    fi
    [ "$owner" = 1 ] || fail "$tag was not built here: remove it or set another name"
  fi
  missing+=("$name")
done

# Side by side: each waits for the network and the disk most of the time.
builds=()
for name in "${missing[@]}"; do
  tag=$(tag_of "$name")
  echo "$tag: building"
  build "$name" "$tag" &
  builds+=("$!")
done
for index in "${!builds[@]}"; do wait "${builds[$index]}" || fail "$(tag_of "${missing[$index]}") could not be built"; done
