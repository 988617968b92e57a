# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # scripts/packages, which reads this file, sets and uses these variables
#
# For which machines scripts/packages makes packages: those that were named; else all, but for those that cannot be built for here.

readonly KNOWN=(x86_64 aarch64)
# Those that were asked for by name.
NAMED=()

# Sets MACHINES: this one first, whose program can say what its manual pages say.
MACHINES=() LEFT_OUT='' WHY=''
choose_machines() {
    local machine
    HOST=$(uname -m)
    [[ " ${KNOWN[*]} " == *" $HOST "* ]] || die "packages are made on ${KNOWN[*]}; this is $HOST"
    for machine in "${NAMED[@]}"; do
        [[ " ${KNOWN[*]} " == *" $machine "* ]] || die "there are no packages for '$machine': name one of ${KNOWN[*]}"
    done
    for machine in "$HOST" "${KNOWN[@]}"; do
        if [[ " ${MACHINES[*]} " == *" $machine "* ]]; then continue; fi
        if ((${#NAMED[@]})) && [[ " ${NAMED[*]} " != *" $machine "* ]]; then continue; fi
        WHY=''
        if [[ -n $GIVEN_PROGRAM ]] || { bring_library_for "$machine" && bring_compiler_for "$machine"; }; then
            MACHINES+=("$machine")
        elif ((${#NAMED[@]})); then
            die "cannot build for $machine: $WHY"
        else
            LEFT_OUT="nothing is made for $machine: $WHY"
            note "$LEFT_OUT"
        fi
    done
}

# Rust's standard library for a machine: rustup has it, Rust from elsewhere often has it for its own machine only.
has_library_for() { [[ -d $(rustc --print sysroot)/lib/rustlib/$1-unknown-linux-gnu/lib ]]; }

# Sets WHY where it cannot be had.
bring_library_for() { # MACHINE
    local target=$1-unknown-linux-gnu
    if has_library_for "$1"; then return; fi
    if ! command -v rustup >/dev/null; then
        WHY="Rust's standard library for it is not here, nor rustup, which has it"
        return 1
    fi
    if ! rustup target add "$target" >"$SCRATCH/rustup" 2>&1 || ! has_library_for "$1"; then
        WHY="rustup target add $target: $(grep -i error "$SCRATCH/rustup" | tail -n 1)"
        return 1
    fi
}

# zig links no program without a C library: for another machine that takes Debian's cross compiler. Sets WHY where it cannot be had.
bring_compiler_for() { # MACHINE
    local name
    if [[ $1 == "$HOST" ]]; then return; fi
    scripts/fetch-tools "$1-linux-gnu-gcc" "$1-linux-gnu-ar" || true
    for name in gcc ar; do
        if [[ -x $CACHE/tools/bin/$1-linux-gnu-$name ]]; then continue; fi
        WHY="there is no $1-linux-gnu-$name, which links its static program"
        return 1
    done
}
