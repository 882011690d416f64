# Shared by the scripts in this folder; source it after `cd` to the checkout.
cache="${GAPLESS_CACHE:-$HOME/.cache/gapless}"

say() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }
die() { say "$*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

# install_debian "what it is" PACKAGE: installs it, or ends with the one line that says what to do.
install_debian() {
    have apt-get || die "$1 is missing: install it with your package manager"
    say "$1 is missing: installing Debian's $2"
    { as_root apt-get update -qq && as_root apt-get install -y -qq --no-install-recommends "$2"; } >&2 ||
        die "$1 could not be installed: run 'apt-get install $2' as root, then run this again"
}

# need COMMAND "what it is" PACKAGE
need() { have "$1" || install_debian "$2" "$3"; }

sha256() {
    if have sha256sum; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d' ' -f1
}
