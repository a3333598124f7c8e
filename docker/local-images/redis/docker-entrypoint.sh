#!/bin/sh
# The official image's contract: options or a *.conf mean redis-server, which never runs as root.
set -e
if [ "${1#-}" != "$1" ] || [ "${1%.conf}" != "$1" ]; then set -- redis-server "$@"; fi
if [ "$1" = redis-server ] && [ "$(id -u)" = 0 ]; then
  find . \! -user redis -exec chown redis '{}' +
  exec gosu redis "$0" "$@"
fi
# The official image is built with protected mode off: a container's clients are never on its loopback.
if [ "$1" = redis-server ]; then
  case " $* " in *' --protected-mode '*) ;; *) set -- "$@" --protected-mode no ;; esac
fi
exec "$@"
