#!/bin/sh
# Starts nginx and keeps its upstream list true: an instance that comes back with another address is found
# again, one that has none is left out (a name that does not resolve would keep nginx from starting).
set -eu

# UPSTREAMS: names of the instances; UPSTREAM_PORT: their port.
write_upstreams() {
  any=''
  {
    echo 'upstream application {'
    echo '  zone application 64k;'
    for name in $UPSTREAMS; do
      # One address a name; a failed instance is left alone for 2 s, then tried again.
      address=$(getent hosts "$name" | head -n 1 | cut -d ' ' -f 1)
      if [ -n "$address" ]; then
        echo "  server $address:$UPSTREAM_PORT max_fails=1 fail_timeout=2s; # $name"
        any=yes
      fi
    done
    # Lets nginx start, and answer 502, while no instance resolves.
    if [ -z "$any" ]; then echo '  server 127.0.0.1:1;'; fi
    echo '  keepalive 64;'
    echo '}'
  } >/tmp/upstreams.new
  if cmp -s /tmp/upstreams.new /tmp/upstreams.conf; then return 1; fi
  mv /tmp/upstreams.new /tmp/upstreams.conf
}

write_upstreams || true
(
  while sleep 2; do
    if write_upstreams; then nginx -c "$NGINX_CONF" -s reload; fi
  done
) &
exec nginx -c "$NGINX_CONF" -g 'daemon off;'
