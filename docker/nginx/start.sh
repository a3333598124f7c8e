#!/bin/sh
# Starts nginx and keeps its upstream list true: an instance that comes back with another address is found
# again, one that is gone for good is left out (a name that does not resolve would keep nginx from starting).
set -eu

# list_upstreams: one "address # name" a line. UPSTREAMS: names of the instances.
list_upstreams() {
  for name in $UPSTREAMS; do
    address=$(getent hosts "$name" | head -n 1 | cut -d ' ' -f 1)
    if [ -n "$address" ]; then echo "$address # $name"; fi
  done
}

# write_upstreams LIST: nginx' block of it. UPSTREAM_PORT: the instances' port.
write_upstreams() {
  {
    echo 'upstream application {'
    echo '  zone application 64k;'
    # A failed instance is left alone for 2 s, then tried again.
    echo "$1" | sed -n "s/^\([^ ]*\) # \(.*\)/  server \1:$UPSTREAM_PORT max_fails=1 fail_timeout=2s; # \2/p"
    # Lets nginx start, and answer 502, while no instance resolves.
    if [ -z "$1" ]; then echo '  server 127.0.0.1:1;'; fi
    echo '  keepalive 64;'
    echo '}'
  } >/tmp/upstreams.new
  mv /tmp/upstreams.new /tmp/upstreams.conf
}

applied=$(list_upstreams)
write_upstreams "$applied"
(
  # One look that fails must not be the last.
  set +e
  before=$applied
  while sleep 2; do
    found=$(list_upstreams)
    # Only what two looks agree on: the name server may be away for a moment, and then every name is.
    if [ -n "$found" ] && [ "$found" = "$before" ] && [ "$found" != "$applied" ]; then
      write_upstreams "$found"
      nginx -c "$NGINX_CONF" -s reload && applied=$found
    fi
    before=$found
  done
) &
exec nginx -c "$NGINX_CONF" -g 'daemon off;'
