# shellcheck shell=bash
# shellcheck disable=SC2016 # shells within expand what is in single quotes
# shellcheck disable=SC2034,SC2153,SC2154 # scripts/test-packages, which reads this file, sets and uses these variables
#
# What scripts/test-packages tests of packages for another machine than this. No script of theirs runs under an emulator, so they are
# installed here by force, and the program is run where a Debian of its machine has been unpacked.

architecture_of() { # MACHINE: Debian's and Docker's name of it
    case $1 in
        x86_64) echo amd64 ;;
        aarch64) echo arm64 ;;
        *) die "there are no packages for $1" ;;
    esac
}

# The files of a small Debian 11 of another machine; nothing in it was ever run.
other_base() { # ARCHITECTURE
    local base=$CACHE/roots/bullseye-$1
    if [[ ! -d $base ]]; then
        note "unpacking a Debian 11 of $1"
        mkdir -p -- "$CACHE/roots"
        rm -rf -- "$base.new"
        debootstrap --foreign --arch="$1" --variant=minbase bullseye "$base.new" >"$SCRATCH/debootstrap" 2>&1 ||
            { tail -n 5 "$SCRATCH/debootstrap" >&2 && die "debootstrap cannot unpack Debian 11 of $1"; }
        rm -rf -- "$base.new/var/cache/apt" "$base.new/debootstrap"
        mv -- "$base.new" "$base"
    fi
    printf '%s' "$base"
}

# Each machine of which there are packages here.
test_other_machines() {
    local tarball machine number=0
    for tarball in "$DIST/pg_exporter-$VERSION"-linux-*.tar.gz; do
        machine=${tarball%.tar.gz}
        machine=${machine##*-linux-}
        if [[ $machine == "$HOST" ]]; then continue; fi
        test_other "$machine"
        number=$((number + 1))
    done
    ((number)) && return
    note "$DIST has packages of $HOST only: those of other machines are not tested"
    [[ ${CI:-} != true ]] || exit 1
}

test_other() { # MACHINE
    local machine=$1 architecture files=$SCRATCH/other-$1 form
    architecture=$(architecture_of "$machine")
    scripts/fetch-tools "qemu-$machine-static"
    QEMU=$(realpath -- "$CACHE/tools/bin/qemu-$machine-static")
    WHAT="packages of $machine"
    mkdir -p -- "$files"/{tarball,deb,rpm}
    tar -xzf "$DIST/pg_exporter-$VERSION-linux-$machine.tar.gz" -C "$files/tarball" --strip-components=1 --no-same-owner
    dpkg-deb -R "$DIST/pg-exporter_${VERSION}_$architecture.deb" "$files/deb"
    passes 'the program is of that machine' same_machine "$machine" "$files/tarball/pg_exporter"
    NEWEST=$(readelf --wide --version-info "$files/tarball/pg_exporter" | grep -oE 'GLIBC_[0-9.]+' | sort -uV | tail -n 1)
    passes "its newest symbol of the C library, $NEWEST, is not newer than 2.17" test "$(printf 'GLIBC_2.17\n%s\n' "$NEWEST" | sort -V | tail -n 1)" = GLIBC_2.17
    other_deb "$architecture" "$files"
    other_rpm "$machine" "$files"
    WHAT="packages of $machine"
    for form in deb rpm; do
        passes "the $form has the program of the tarball" cmp "$files/tarball/pg_exporter" "$files/$form/usr/bin/pg_exporter"
    done
    run_other "$machine" "$architecture" "$files"
    other_image "$machine" "$architecture"
}

same_machine() { # MACHINE PROGRAM
    local name=$1
    [[ $1 != x86_64 ]] || name=X86-64
    readelf --file-header "$2" | grep -qiE "Machine:.*$name"
}

# Installed here, where no library of that machine is: by force. Its scripts are those of this machine's package.
other_deb() { # ARCHITECTURE FILES
    local name
    fresh_root bookworm
    WHAT="deb of $1"
    passes 'is of that architecture' test "$(dpkg-deb -f "$DIST/pg-exporter_${VERSION}_$1.deb" Architecture)" = "$1"
    cp -- "$DIST/pg-exporter_${VERSION}_$1.deb" "$ROOT/tmp/package.deb"
    passes 'installs by force' inside dpkg --force-architecture --force-depends -i /tmp/package.deb
    dpkg-deb -e "$DIST/pg-exporter_${VERSION}_$ARCHITECTURE.deb" "$SCRATCH/own-scripts"
    for name in conffiles preinst postinst prerm postrm; do
        passes "its $name is that of the $ARCHITECTURE package" cmp "$2/deb/DEBIAN/$name" "$SCRATCH/own-scripts/$name"
    done
    passes 'can be purged' inside dpkg --purge "pg-exporter:$1"
    passes 'nothing is left' test -z "$(left_over)"
}

other_rpm() { # MACHINE FILES
    local package=$DIST/pg_exporter-$VERSION-1.$1.rpm
    fresh_root bookworm
    WHAT="rpm of $1"
    passes 'is of that architecture' test "$(rpm -qp --nosignature --queryformat '%{ARCH}' "$package")" = "$1"
    passes 'installs by force' in_rpm_root -i --ignorearch "$package"
    passes 'its files are as they should be' in_rpm_root -V pg_exporter
    install -D -- "$ROOT/usr/bin/pg_exporter" "$2/rpm/usr/bin/pg_exporter"
    passes 'can be erased' in_rpm_root -e pg_exporter
}

# The program of the packages, with the C library of Debian 11.
run_other() { # MACHINE ARCHITECTURE FILES
    WHAT="program of $1, Debian 11 of $2, under qemu"
    ROOT=$SCRATCH/root-$2
    mkdir -- "$ROOT"
    cp -a -- "$(other_base "$2")/." "$ROOT/"
    mount -t proc proc "$ROOT/proc"
    install -m 755 "$3/tarball/pg_exporter" "$ROOT/usr/bin/pg_exporter"
    printf 'pg_exporter:x:65532:65532::/:/usr/sbin/nologin\n' >"$ROOT/etc/passwd"
    emulated
}

other_image() { # MACHINE ARCHITECTURE
    local archive=$DIST/pg_exporter-$VERSION-linux-$2.oci.tar
    WHAT="image of $2"
    passes 'skopeo reads it' skopeo inspect --override-arch "$2" "oci-archive:$archive"
    cp -- "$SCRATCH/output" "$SCRATCH/inspected"
    passes 'it is of that architecture' contains "\"Architecture\": \"$2\"" "$SCRATCH/inspected"
    passes 'is smaller than 15 MB' test "$(stat -c %s "$archive")" -lt 15000000
    mkdir -p -- "$SCRATCH/image-$2"
    tar -xf "$archive" -C "$SCRATCH/image-$2"
    passes 'umoci unpacks it' umoci unpack --image "$SCRATCH/image-$2:$VERSION" "$SCRATCH/bundle-$2"
    ROOT=$SCRATCH/bundle-$2/rootfs
    passes 'unpacked it is smaller than 15 MB' test "$(du -sb "$ROOT" | cut -f 1)" -lt 15000000
    passes 'the program needs no library' not sh -c 'readelf -d "$1" | grep -q NEEDED' - "$ROOT/usr/bin/pg_exporter"
    WHAT="image of $2, under qemu"
    emulated
}

# Starts what is in ROOT, and asks it.
emulated() {
    install -m 755 "$QEMU" "$ROOT/emulator"
    EMULATOR=(/emulator)
    passes 'says its version' inside /usr/bin/pg_exporter --version
    serves /usr/bin/pg_exporter pg_exporter chroot --userspec=65532:65532 "$ROOT" /emulator /usr/bin/pg_exporter
    EMULATOR=()
}
