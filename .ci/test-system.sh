#!/usr/bin/env bash
# Tests that need root or Debian packages: a full disk, a read-only file system, `kill -9` at hundreds of moments, and other
# people's tools. Run it as `npm run test:system`, as root, because it mounts small file systems (tmpfs) in the directory
# for temporary files. It installs the Debian packages that it needs, and says so.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "test-system: $*"; }

if [ "$(id -u)" -ne 0 ]; then
  say "these tests mount file systems, so they have to run as root (inside a container is enough)" >&2
  exit 1
fi

# Command and package: age decrypts the keys that the vitrine command encrypts; mount makes the file systems; ssh-agent
# signs statements; chromium runs the browser build of the verifier; zstd makes and applies the deltas of examples/agent;
# nginx serves what was exported; sigtool makes signature databases, and the rules of sagan and modsecurity are such.
missing=()
command -v age > /dev/null || missing+=(age)
command -v mount > /dev/null || missing+=(mount)
python3 -c 'import ensurepip, venv' 2> /dev/null || missing+=(python3-venv)
command -v ssh-agent > /dev/null || missing+=(openssh-client)
command -v chromium > /dev/null || missing+=(chromium)
command -v zstd > /dev/null || missing+=(zstd)
command -v nginx > /dev/null || missing+=(nginx-light)
command -v sigtool > /dev/null || missing+=(clamav)
[ -d /etc/sagan-rules ] || missing+=(sagan-rules)
[ -d /usr/share/modsecurity-crs/rules ] || missing+=(modsecurity-crs)
if [ "${#missing[@]}" -gt 0 ]; then
  say "installing ${missing[*]} with apt-get"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi

trial=$(mktemp -d)
if ! mount -t tmpfs -o size=1m vitrine-test "$trial"; then
  rmdir "$trial"
  say "this root may not mount file systems: run it where it may (docker: --privileged)" >&2
  exit 1
fi
umount "$trial"
rmdir "$trial"

say "building"
npx tsc -b
export KILL_ROUNDS="${KILL_ROUNDS:-200}"
export RACE_ROUNDS="${RACE_ROUNDS:-1000}"
export SEED="${SEED:-$RANDOM}"
say "running the system tests, with $KILL_ROUNDS kills, $RACE_ROUNDS races and SEED=$SEED"
exec npx vitest run --config vitest.system.config.ts "$@"
