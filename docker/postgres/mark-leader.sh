#!/usr/bin/env bash
# recovery_end_command: runs when this node is promoted, so that an older primary finds out before it starts.
set -euo pipefail
source "${BASH_SOURCE[0]%/*}/cluster.sh"
write_mark leader "$NODE_NAME"
