#!/usr/bin/env bash
# A vendor's release pipeline, from a git revision to a reviewed build, with two signature databases beside it.
# Run it with `npm run pipeline`, after `npm ci`. It needs Node, npm with its registry, and git. Everything happens in a
# temporary directory, which is removed at the end: KEEP=1 leaves it and says where it is.
set -euo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
command=$repository/packages/cli/bin/vitrine.js
work=$(mktemp -d "${TMPDIR:-/tmp}/vitrine-pipeline.XXXXXX")
doing='setting up'

finish() {
  local status=$?
  if [ "$status" -ne 0 ]; then printf '\nThe pipeline stopped with status %s, while %s.\n' "$status" "$doing" >&2; fi
  if [ "${KEEP:-}" = 1 ]; then printf '\nEverything is in %s\n' "$work"; else rm -rf "$work"; fi
}
trap finish EXIT

export LC_ALL=C NO_COLOR=1 npm_config_loglevel=error npm_config_audit=false npm_config_fund=false
# The parties below say what they use, and nothing of yours.
unset VITRINE_LOG VITRINE_KEY VITRINE_LOG_KEY VITRINE_PASSPHRASE_FILE VITRINE_LOG_PASSPHRASE_FILE

origin=vendor.example/releases

say() {
  doing=$1
  printf '\n== %s\n' "$1"
  shift
  if [ $# -gt 0 ]; then printf '   %s\n' "$@"; fi
}

fail() {
  printf '%s\n' "$@" >&2
  exit 1
}

vitrine() { node "$command" "$@"; }

# What a word looks like when it is typed in a shell.
quoted() {
  local word
  for word in "$@"; do
    case $word in
      '' | *[!A-Za-z0-9_./:=@%+,-]*) printf " '%s'" "$(printf %s "$word" | sed "s/'/'\\\\''/g")" ;;
      *) printf ' %s' "$word" ;;
    esac
  done
}

# attempt <party> <command...>: shows a command line, runs it as a party does, in its directory and with its
# configuration, and shows what it printed, which is in $work/stdout and $work/stderr afterwards.
attempt() {
  local party=$1 status=0
  shift
  printf '\n  %s$%s\n' "$party" "$(quoted "$@")"
  (
    cd "$work/$party" || exit
    export XDG_CONFIG_HOME=$work/$party/config
    # shellcheck source=/dev/null
    . ./environment
    "$@"
  ) > "$work/stdout" 2> "$work/stderr" || status=$?
  # What was done last comes last. The keys for signatures that outlive quantum computers are too long to be looked at.
  if [ "$status" -eq 0 ]; then set -- stderr stdout; else set -- stdout stderr; fi
  (cd "$work" && sed -E -e 's/^(.{220}).{20,}$/\1.../' -e 's/^/    /' "$@")
  return "$status"
}

as() {
  attempt "$@" || fail '' "That should have worked."
}

# refused <code> <party> <command...>: the command has to end with status 1 and this code.
refused() {
  local code=$1 status=0
  shift
  attempt "$@" || status=$?
  if [ "$status" -ne 1 ] || ! grep -q "^vitrine: $code: " "$work/stderr"; then
    fail '' "That should have been refused as $code (status 1); the status was $status."
  fi
}

# The leaf hash of what was logged last: the line is its index, its leaf hash, and what it says.
logged() { tail -n 1 "$work/stdout" | { read -r _ leaf _ && echo "$leaf"; }; }

say 'The parties' \
  "vendor    makes releases and runs the log" \
  "vault     the vendor's other signing machine, which has no network; its key has a passphrase" \
  "reviewer  an independent organisation, which has no access to the log other than to read it" \
  "customer  gets releases, and trusts the log's keys and the two signers'"
if [ ! -e "$repository/packages/cli/dist/main.js" ]; then
  fail "The vitrine command is not built. Run npm ci in $repository first."
fi
mkdir "$work/vendor" "$work/vault" "$work/reviewer" "$work/customer"
echo 'correct horse battery staple' > "$work/vault/passphrase"
echo 'export VITRINE_LOG=../log VITRINE_KEY=release.key' > "$work/vendor/environment"
echo 'export VITRINE_KEY=release.key VITRINE_PASSPHRASE_FILE=passphrase' > "$work/vault/environment"
echo 'export VITRINE_LOG=../log VITRINE_KEY=review.key' > "$work/reviewer/environment"
touch "$work/customer/environment"

say 'A log, and who may write to it' \
  'Each change of the list of signers is a statement in the log itself, signed with the key of the log.'
as vendor vitrine init ../log --origin "$origin"
cp "$work/stdout" "$work/customer/policy"
as vendor vitrine key generate vendor.example/release --out release.key
cp "$work/stdout" "$work/vendor/release.vkey"
as vault vitrine key generate vendor.example/release --passphrase --out release.key
cp "$work/stdout" "$work/vault/release.vkey"
as reviewer vitrine key generate reviewer.example/lab --out review.key
cp "$work/stdout" "$work/reviewer/review.vkey"
as vendor vitrine admit add release.vkey --role vendor
as vendor vitrine admit add ../vault/release.vkey --role vendor
as vendor vitrine admit add ../reviewer/review.vkey --role reviewer
as vendor vitrine admit list
cp "$work/vendor/release.vkey" "$work/customer/vendor.vkey"
cp "$work/vault/release.vkey" "$work/customer/vault.vkey"

say 'The source' \
  "The newest commit of this project is the product. The vendor logs it before it builds it."
git -c advice.detachedHead=false clone --quiet "$repository" "$work/vendor/source"
commit=$(git -C "$work/vendor/source" rev-parse HEAD)
version=$(node -p 'require(process.argv[1]).version' "$work/vendor/source/packages/core/package.json")+${commit:0:12}
as vendor vitrine release source HEAD --repo source --product vitrine --version "$version"
source=$(logged)
as vendor vitrine show "$source"

# build <checkout> <directory for the tarballs>
build() {
  mkdir "$2"
  # After || a shell goes on after errors, so each step asks for the one before it.
  (
    cd "$1" &&
      { [ -d node_modules ] || npm ci --ignore-scripts --prefer-offline; } &&
      node_modules/.bin/tsc -b packages/core packages/signer &&
      npm pack --ignore-scripts --workspace packages/core --workspace packages/signer --pack-destination "$2"
  ) > "$work/npm.out" 2>&1 || fail '' "$(cat "$work/npm.out")" "The build failed: is npm's registry within reach?"
}

say 'The build' \
  'What customers get are two npm packages. The bill of materials that npm makes of them is attached to the release.'
build "$work/vendor/source" "$work/vendor/artifacts"
(cd "$work/vendor/source" && npm sbom --sbom-format cyclonedx --omit dev) > "$work/vendor/sbom.cdx.json"
artifacts=$(cd "$work/vendor" && echo artifacts/*.tgz)
# shellcheck disable=SC2086 # the names of npm's tarballs have no spaces
as vendor vitrine release build $artifacts --product vitrine --version "$version" --channel stable --platform npm \
  --source "$source" --toolchain "node $(node -v), npm $(npm -v)" --attach sbom.cdx.json:application/vnd.cyclonedx+json
build=$(logged)
as vendor vitrine show "$build"

say 'The review of the source' \
  'The reviewer has its own clone, and signs only if its tree has the root that was logged. It cannot write to the log:' \
  'it signs a request, and the vendor submits it.'
git -c advice.detachedHead=false clone --quiet "$work/vendor/source" "$work/reviewer/source"
git -C "$work/reviewer/source" checkout --quiet --detach "$commit"
as reviewer vitrine review source "$source" HEAD --repo source --method 'read by two people' \
  --offline --out source-review.cose
as vendor vitrine submit ../reviewer/source-review.cose

say 'The rebuild' \
  'The reviewer builds the same commit in another directory. npm pack is reproducible: the tarballs are the same bytes.'
build "$work/reviewer/source" "$work/reviewer/rebuilt"
for name in $artifacts; do
  cmp "$work/vendor/$name" "$work/reviewer/rebuilt/${name#artifacts/}"
  printf '   %s is the same in both directories\n' "${name#artifacts/}"
done
# shellcheck disable=SC2086
as reviewer vitrine review rebuild "$build" ${artifacts//artifacts/rebuilt} \
  --method 'npm ci, tsc -b, npm pack on another machine' --offline --out rebuild.cose
as vendor vitrine submit ../reviewer/rebuild.cose
as vendor vitrine show "$(logged)"

say 'A rebuild that differs' \
  'One line more in the source is another build. The command says what differs, and signs nothing.'
echo '// One line more.' >> "$work/reviewer/source/packages/signer/src/index.ts"
build "$work/reviewer/source" "$work/reviewer/altered"
# shellcheck disable=SC2086
refused rebuild-differs reviewer vitrine review rebuild "$build" ${artifacts//artifacts/altered} \
  --against ../vendor/artifacts --offline --out altered.cose
[ ! -e "$work/reviewer/altered.cose" ] || fail 'A review was written.'

# download <package> <version>: what npm's registry has, in downloads/<package>-<version>
download() {
  local directory=$work/downloads/$1-$2
  mkdir -p "$directory"
  npm pack "$1@$2" --silent --pack-destination "$directory" > "$work/npm.out" 2>&1 ||
    fail '' "$(cat "$work/npm.out")" "Could not download $1@$2: is npm's registry within reach?"
  tar -xzf "$directory/$1-$2.tgz" -C "$directory" --strip-components 1
  rm "$directory/$1-$2.tgz"
}

# The vendor's own compilers, from what a package has to what an agent reads.
# crawler_rules <version> <file>: one regular expression a line
crawler_rules() {
  mkdir -p "$(dirname "$2")"
  {
    printf '# Patterns of the user agents of crawlers, release %s\n\n' "$1"
    node -p 'require(process.argv[1]).map(({ pattern }) => pattern).join("\n")' \
      "$work/downloads/crawler-user-agents-$1/crawler-user-agents.json"
  } > "$2"
}
# mail_domains <version> <directory>: two files, one domain a line
mail_domains() {
  mkdir -p "$2"
  local list
  for list in index wildcard; do
    node -p 'require(process.argv[1]).join("\n")' "$work/downloads/disposable-email-domains-$1/$list.json" > "$2/$list.txt"
  done
}

say 'The signature databases' \
  'Two rule sets that real products use, in versions as their authors published them. They are downloaded from npm:' \
  'crawler-user-agents (MIT), regular expressions, and disposable-email-domains (MIT), two lists of domains.'
for release in 1.43.0 1.57.0 1.60.0; do
  download crawler-user-agents "$release"
  crawler_rules "$release" "$work/vendor/crawlers-$release/crawlers.rules"
done
for release in 1.0.58 1.0.59 1.0.62; do
  download disposable-email-domains "$release"
  mail_domains "$release" "$work/vendor/mail-$release"
done
wc -l "$work"/vendor/crawlers-*/* "$work"/vendor/mail-*/* | sed -e "s|$work/vendor/||" -e 's/^/   /'

# delta <name> <old> <new>: what changes a release into the next one. The format is the vendor's own; here it is git's.
delta() {
  # The status 1 says that there are differences.
  (cd "$work/vendor" && git diff --no-index --no-color --no-ext-diff --no-prefix "$2" "$3" > "$1") || [ $? -eq 1 ]
}

say 'The first database: three releases, and what changed between them' \
  'The command computes the Merkle root of the rules, and finds the release before in the log.'
as vendor vitrine release database crawlers-1.43.0/crawlers.rules --name crawlers --next --comment '#' --skip-blank \
  --expires 30d
crawlers_1=$(logged)
delta crawlers-2.patch crawlers-1.43.0/crawlers.rules crawlers-1.57.0/crawlers.rules
as vendor vitrine release database crawlers-1.57.0/crawlers.rules --name crawlers --next --comment '#' --skip-blank \
  --delta crawlers-2.patch --from 1 --expires 30d
crawlers_2=$(logged)
as vendor vitrine show "$crawlers_2"

say 'The third release is signed where there is no log' \
  "The files are carried to the vault, whose key has a passphrase. What comes back is a request, and the same leaf."
delta crawlers-3.patch crawlers-1.57.0/crawlers.rules crawlers-1.60.0/crawlers.rules
cp "$work/vendor/crawlers-1.60.0/crawlers.rules" "$work/vendor/crawlers-3.patch" "$work/vault"
as vault vitrine release database crawlers.rules --name crawlers --sequence 3 --previous "$crawlers_2" --comment '#' \
  --skip-blank --delta crawlers-3.patch --from 2 --expires 30d --offline --origin "$origin" --out request.cose
mv "$work/vault/request.cose" "$work/vendor"
as vendor vitrine submit request.cose
crawlers_3=$(logged)
as vendor vitrine submit request.cose
[ "$(logged)" = "$crawlers_3" ] || fail 'Submitting it again made another leaf.'
as vendor vitrine init ../other-log --origin vendor.example/other
refused admission-audience vendor vitrine submit request.cose --log ../other-log

say 'The agent applies a delta' \
  'What it makes of release 2 and the delta has to be release 3, byte for byte: the digest is in the statement.'
mkdir "$work/customer/agent"
cp "$work/vendor/crawlers-1.57.0/crawlers.rules" "$work/vendor/crawlers-3.patch" "$work/customer/agent"
(cd "$work/customer/agent" && GIT_CEILING_DIRECTORIES=$work git apply -p1 crawlers-3.patch)
cmp "$work/customer/agent/crawlers.rules" "$work/vendor/crawlers-1.60.0/crawlers.rules"
echo '   It is.'

say 'The second database: a release that has to be taken back' \
  'The reviewer rejects the second release, the vendor withdraws it, and what was withdrawn cannot be released again.' \
  'The third release rolls forward: it carries what was in the first.'
as vendor vitrine release database mail-1.0.58 --name mail-domains --next --skip-blank
mail_1=$(logged)
as reviewer vitrine review database "$mail_1" ../vendor/mail-1.0.58 --verdict reviewed --offline --out mail-1.cose
as vendor vitrine submit ../reviewer/mail-1.cose
as vendor vitrine release database mail-1.0.59 --name mail-domains --next --skip-blank
mail_2=$(logged)
as reviewer vitrine review database "$mail_2" ../vendor/mail-1.0.59 --verdict rejected \
  --method 'it lists domains of ordinary providers' --offline --out mail-2.cose
as vendor vitrine submit ../reviewer/mail-2.cose
as vendor vitrine withdraw "$mail_2" --reason 'false alarms on ordinary mail domains' --yes
as vendor vitrine show "$(logged)"
refused admission-withdrawn vendor vitrine release database mail-1.0.59 --name mail-domains --next --skip-blank
as vendor vitrine release database mail-1.0.58 --name mail-domains --next --skip-blank
as vendor vitrine release database mail-1.0.62 --name mail-domains --next --skip-blank
mail_4=$(logged)

say 'Who may not write' \
  "A vendor's key makes no reviews, and a reviewer cannot withdraw what the vendor released."
refused admission-role vendor vitrine review database "$mail_4" --verdict reviewed
as reviewer vitrine withdraw "$mail_4" --reason 'we would like to' --yes --offline --out withdrawal.cose
refused admission-role vendor vitrine submit ../reviewer/withdrawal.cose

say 'Proofs for the customer' \
  'One file of the source; and rules that are in a release, or are not.'
as vendor vitrine prove file packages/core/src/index.ts --of "$source" --tree HEAD --repo source \
  --out ../customer/index.ts.tlog-proof
cp "$work/vendor/source/packages/core/src/index.ts" "$work/customer"
# A rule that release 3 has and release 1 had not, one that both have, and one that none has.
new_rule=$(comm -13 <(sort "$work/vendor/crawlers-1.43.0/crawlers.rules") \
  <(sort "$work/vendor/crawlers-1.60.0/crawlers.rules") | grep -v '^#' | tail -n 1)
old_rule=$(grep -m 1 'Googlebot' "$work/vendor/crawlers-1.60.0/crawlers.rules")
# prove_rule <rule> <leaf> <database> <proof>
prove_rule() { as vendor vitrine prove record "$1" --of "$2" --database "$3" --out "../customer/$4"; }
prove_rule "$new_rule" "$crawlers_3" crawlers-1.60.0/crawlers.rules new-in-3.tlog-proof
prove_rule "$new_rule" "$crawlers_1" crawlers-1.43.0/crawlers.rules new-in-1.tlog-proof
prove_rule "$old_rule" "$crawlers_1" crawlers-1.43.0/crawlers.rules old-in-1.tlog-proof
prove_rule 'Mozilla' "$crawlers_3" crawlers-1.60.0/crawlers.rules mozilla-in-3.tlog-proof
prove_rule 'gmail.com' "$mail_4" mail-1.0.62 gmail-in-4.tlog-proof

say 'The log' 'A line for each statement, and then each as a person reads it.'
as vendor vitrine ls
as vendor vitrine ls --type review
for leaf in $(node "$command" ls --log "$work/log" | awk '{ print $1 }'); do as vendor vitrine show "$leaf"; done
as vendor vitrine fsck

say 'The index' \
  'Each commit ends with an index entry, by which the log says what streams it has and what was said of each statement.' \
  'The newest of a stream, and everything that was said of a statement, are proven with it.'
as vendor vitrine streams
as vendor vitrine history crawlers
as vendor vitrine latest crawlers --prove --out ../customer/latest.tlog-proof
as vendor vitrine about "$mail_2" --prove --out ../customer/about.tlog-proof
as customer vitrine verify --proof latest.tlog-proof --stream crawlers --policy policy --signer vault.vkey
as customer vitrine verify --proof about.tlog-proof --about "$mail_2" --policy policy
refused proof-mismatch customer vitrine verify --proof latest.tlog-proof --stream mail-domains --policy policy

say 'The log is taken away, and the customer verifies' \
  "With the policy that init printed, and the signers' keys."
mv "$work/log" "$work/gone"
as customer vitrine verify index.ts --policy policy --signer vendor.vkey
as customer vitrine verify --record "$new_rule" --proof new-in-3.tlog-proof --policy policy --signer vault.vkey
as customer vitrine verify --record "$new_rule" --proof new-in-1.tlog-proof --policy policy --signer vendor.vkey
as customer vitrine verify --record "$old_rule" --proof old-in-1.tlog-proof --policy policy --signer vendor.vkey
as customer vitrine verify --record Mozilla --proof mozilla-in-3.tlog-proof --policy policy --signer vault.vkey
as customer vitrine verify --record gmail.com --proof gmail-in-4.tlog-proof --policy policy --signer vendor.vkey
refused statement-proof-mismatch customer vitrine verify --record "$old_rule" --proof new-in-3.tlog-proof --policy policy
echo >> "$work/customer/index.ts"
refused statement-proof-mismatch customer vitrine verify index.ts --policy policy --signer vendor.vkey

say 'Done' \
  'From one git revision to a build that somebody else has rebuilt, and two databases of which every rule can be shown to' \
  'be there or not. What the vendor and the reviewer said is signed, in one order, and in one log; this one has no' \
  'witnesses, so the results say "unwitnessed".'
