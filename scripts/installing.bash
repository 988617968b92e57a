# shellcheck shell=bash
# shellcheck disable=SC2016 # shells within expand what is in single quotes
# shellcheck disable=SC2034,SC2153,SC2154 # scripts/test-packages, which reads this file, sets and uses these variables
#
# What scripts/test-packages tests of each form of package for this machine.

test_tarball() { # SUITE
    WHAT="tarball, Debian $1"
    fresh_root "$1"
    tar -xzf "$DIST/pg_exporter-$VERSION-linux-$HOST.tar.gz" -C "$ROOT/opt" --no-same-owner
    local program=/opt/pg_exporter-$VERSION-linux-$HOST/pg_exporter
    passes 'says its version' inside "$program" --version
    serves "$program" nobody chroot --userspec=nobody "$ROOT" "$program"
    installs_by_hand
}

# The commands of a section of docs/install.md, as somebody types them. What is root anyway needs no sudo; there is no systemd to ask.
commands_of() { # HEADING
    sed -n "/^## $1\$/,/^## /p" docs/install.md | sed -n '/^```sh$/,/^```$/p' | sed '/^```/d; /^curl /d; s/sudo //g'
}

installs_by_hand() {
    pretend_systemd
    cp -- "$DIST/pg_exporter-$VERSION-linux-$HOST.tar.gz" "$ROOT/root/"
    commands_of Tarball >"$ROOT/root/install.sh"
    passes 'the documented commands are there' grep -q '^tar ' "$ROOT/root/install.sh"
    passes 'they install it' inside bash -euxc 'cd /root && . ./install.sh'
    passes 'the program, unit, user list and settings are in their places' inside sh -euc '
        pg_exporter --version >/dev/null
        test -f /etc/systemd/system/pg_exporter.service -a -f /etc/sysusers.d/pg_exporter.conf
        test "$(stat -c %a /etc/default/pg_exporter)" = 600'
    passes 'systemd is asked for what it takes' was_asked 'systemctl enable --now pg_exporter' systemd-sysusers
}

# A systemd that only writes down what it is asked. Scripts of packages take it for one that runs.
pretend_systemd() {
    local name
    mkdir -p -- "$ROOT/run/systemd/system"
    for name in systemctl systemd-sysusers deb-systemd-invoke; do
        rm -f -- "$ROOT/usr/bin/$name"
        printf '#!/bin/sh\nset -- "${0##*/}" "$@"\necho "$*" >>/asked\n' >"$ROOT/usr/bin/$name"
        chmod 755 "$ROOT/usr/bin/$name"
    done
}

# Since the last time that somebody looked.
was_asked() { # LINE...
    local line
    for line in "$@"; do grep -qx -- "$line" "$ROOT/asked" || { cat -- "$ROOT/asked" && return 1; }; done
    rm -- "$ROOT/asked"
}

# What the packages ask of systemd, from the first installation to the removal.
test_deb_service() {
    local deb=$DIST/pg-exporter_${VERSION}_$ARCHITECTURE.deb unit=pg_exporter.service socket
    WHAT='service of the deb'
    fresh_root bookworm
    pretend_systemd
    # The user is made by adduser: no systemd-sysusers that only writes down.
    rm -- "$ROOT/usr/bin/systemd-sysusers"
    socket=$ROOT/etc/systemd/system/pg_exporter.socket
    passes 'installs' install_deb "$deb"
    passes 'the service is started' was_asked 'systemctl --system daemon-reload' "deb-systemd-invoke start $unit"
    passes 'installs over itself' install_deb "$deb"
    passes 'the service is restarted' was_asked 'systemctl --system daemon-reload' "deb-systemd-invoke restart $unit"
    passes 'can be removed' inside dpkg --remove pg-exporter
    passes 'service and socket are stopped' was_asked "deb-systemd-invoke stop pg_exporter.socket $unit"
    passes 'both are masked as long as the package is away' test "$(readlink "$socket")" = /dev/null
    passes 'installs again' install_deb "$deb"
    passes 'neither is masked' test ! -e "$socket" -a "$(readlink "${socket%.socket}.service")" != /dev/null
    passes 'the service is started again' was_asked "deb-systemd-invoke restart $unit"
}

test_rpm_service() {
    local package=$DIST/pg_exporter-$VERSION-1.$HOST.rpm unit=pg_exporter.service
    WHAT='service of the rpm'
    fresh_root bookworm
    pretend_systemd
    passes 'installs' in_rpm_root -i "$package"
    passes 'the presets of the distribution decide whether it is enabled' was_asked "systemctl --no-reload preset $unit"
    passes 'installs over itself' in_rpm_root -U --force "$package"
    passes 'the service is restarted if it runs' was_asked 'systemctl daemon-reload' "systemctl try-restart $unit"
    passes 'can be erased' in_rpm_root -e pg_exporter
    passes 'service and socket are disabled and stopped' was_asked "systemctl --no-reload disable --now pg_exporter.socket $unit"
}

install_deb() { # FILE
    cp -- "$1" "$ROOT/tmp/package.deb"
    inside dpkg --force-confold -i /tmp/package.deb
}

# What is left under the names of the package, but for logs of the package manager.
left_over() {
    find "$ROOT" -xdev \( -name '*pg_exporter*' -o -name '*pg-exporter*' \) ! -path "$ROOT/proc/*" ! -path "$ROOT/tmp/*" | sort
}

has_manual_pages() {
    local name number=0
    for name in $(inside pg_exporter --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
        if [[ $name == help ]]; then continue; fi
        gzip -t "$ROOT/usr/share/man/man1/pg_exporter-$name.1.gz" || return
        number=$((number + 1))
    done
    ((number > 8))
}

test_deb() { # SUITE
    local deb=$DIST/pg-exporter_${VERSION}_$ARCHITECTURE.deb
    WHAT="deb, Debian $1"
    fresh_root "$1"
    passes 'installs' install_deb "$deb"
    passes 'the user is there, without shell and home' grep -qE '^pg_exporter:x:[0-9]+:[0-9]+:PG Exporter,*:/nonexistent:/usr/sbin/nologin$' "$ROOT/etc/passwd"
    passes 'the unit is enabled, by the rule of Debian' test -L "$ROOT/etc/systemd/system/multi-user.target.wants/pg_exporter.service"
    passes 'the socket is not' test ! -e "$ROOT/etc/systemd/system/sockets.target.wants/pg_exporter.socket"
    passes 'the example has no mistake' inside pg_exporter check --strict /etc/pg_exporter/collectors.yml.example
    passes 'each subcommand has a manual page' has_manual_pages
    passes 'bash completes' inside bash -c '. /usr/share/bash-completion/completions/pg_exporter
        COMP_WORDS=(pg_exporter doc) COMP_CWORD=1; _pg_exporter pg_exporter doc pg_exporter; test "${COMPREPLY[*]}" = doctor'
    serves /usr/bin/pg_exporter pg_exporter chroot --userspec=pg_exporter:pg_exporter "$ROOT" /usr/bin/pg_exporter
    echo 'PG_EXPORTER_TAG=mine' >>"$ROOT/etc/default/pg_exporter"
    passes 'installs over itself' install_deb "$deb"
    passes 'changed settings stay' grep -q '^PG_EXPORTER_TAG=mine$' "$ROOT/etc/default/pg_exporter"
    rm -- "$ROOT/etc/systemd/system/multi-user.target.wants/pg_exporter.service"
    passes 'installs where it was disabled' install_deb "$deb"
    passes 'and stays disabled' test ! -e "$ROOT/etc/systemd/system/multi-user.target.wants/pg_exporter.service"
    passes 'can be removed' inside dpkg --remove pg-exporter
    passes 'settings outlive removal, the program does not' test -e "$ROOT/etc/default/pg_exporter" -a ! -e "$ROOT/usr/bin/pg_exporter"
    passes 'installs again' install_deb "$deb"
    passes 'can be purged' inside dpkg --purge pg-exporter
    passes 'nothing is left' test -z "$(left_over)"
}

# A package as 1.x had it: names, places, modes, owner and scripts by its published recipe.
files_of_1x() { # FOLDER UNITS
    mkdir -p -- "$1/usr/bin" "$1/etc/default" "$1$2"
    printf '#!/bin/sh\necho 1.4.1\n' >"$1/usr/bin/pg_exporter"
    printf '[Unit]\nDescription=1.x\n[Service]\nEnvironmentFile=-/etc/default/pg_exporter\nUser=prometheus\nExecStart=/usr/bin/pg_exporter $PG_EXPORTER_OPTS\n[Install]\nWantedBy=multi-user.target\n' >"$1$2/pg_exporter.service"
    cat >"$1/etc/default/pg_exporter" <<'END'
PG_EXPORTER_URL='postgres://:5432/?sslmode=disable&host=/var/run/postgresql'
PG_EXPORTER_CONFIG=/etc/pg_exporter.yml
PG_EXPORTER_LABEL=""
PG_EXPORTER_AUTO_DISCOVERY=true
PG_EXPORTER_CONNECT_TIMEOUT=100
PG_EXPORTER_OPTS='--log.level=info'
END
    printf 'pg_old:\n  query: SELECT 1 AS value\n  metrics:\n    - value: { usage: GAUGE, description: Of the old file }\n' >"$1/etc/pg_exporter.yml"
    chmod 755 "$1/usr/bin/pg_exporter"
    chmod 700 "$1/etc/default/pg_exporter" "$1/etc/pg_exporter.yml"
}

make_deb_of_1x() {
    local root=$SCRATCH/deb-1x
    [[ ! -e $SCRATCH/1x.deb ]] || return 0
    files_of_1x "$root" /lib/systemd/system
    mkdir -- "$root/DEBIAN"
    printf 'Package: pg-exporter\nVersion: 1.4.1-1\nArchitecture: %s\nMaintainer: nobody <nobody@example.com>\nDescription: a package as 1.x had it\n' "$ARCHITECTURE" >"$root/DEBIAN/control"
    printf '/etc/default/pg_exporter\n/etc/pg_exporter.yml\n/lib/systemd/system/pg_exporter.service\n' >"$root/DEBIAN/conffiles"
    printf '#!/bin/sh\ngetent group prometheus >/dev/null || groupadd -r prometheus\ngetent passwd prometheus >/dev/null || useradd -r -g prometheus -s /sbin/nologin prometheus\nexit 0\n' >"$root/DEBIAN/preinst"
    printf '#!/bin/sh\nchown prometheus:prometheus /etc/default/pg_exporter /etc/pg_exporter.yml\n' >"$root/DEBIAN/postinst"
    chmod 755 "$root"/DEBIAN/p*
    dpkg-deb --root-owner-group --build "$root" "$SCRATCH/1x.deb" >/dev/null
}

# What somebody who used 1.x has changed.
change_files_of_1x() {
    sed -i "s#^PG_EXPORTER_URL=.*#PG_EXPORTER_URL='postgresql://monitor:secret@db/postgres'#" "$ROOT/etc/default/pg_exporter"
    echo '# mine' >>"$ROOT/etc/pg_exporter.yml"
}

test_deb_from_1x() { # SUITE untouched|changed
    local drop_in=/etc/systemd/system/pg_exporter.service.d/user-of-1.x.conf
    WHAT="deb over 1.x, $2, Debian $1"
    fresh_root "$1"
    make_deb_of_1x
    passes '1.x installs' install_deb "$SCRATCH/1x.deb"
    if [[ $2 == changed ]]; then
        change_files_of_1x
        echo '# mine' >>"$ROOT/lib/systemd/system/pg_exporter.service"
    fi
    passes 'the upgrade works' install_deb "$DIST/pg-exporter_${VERSION}_$ARCHITECTURE.deb"
    cp -- "$SCRATCH/output" "$SCRATCH/upgrade"
    passes 'it says where the differences are' contains migration.md "$SCRATCH/upgrade"
    passes 'the unit is the new one' grep -q Type=notify "$ROOT/lib/systemd/system/pg_exporter.service"
    passes 'it goes on as the user of 1.x' grep -q '^User=prometheus$' "$ROOT$drop_in"
    if [[ $2 == changed ]]; then
        passes 'settings and definitions stay' grep -q monitor:secret "$ROOT/etc/default/pg_exporter"
        passes 'the definitions that the settings name are there' test -f "$ROOT/etc/pg_exporter.yml"
        passes 'it says that they are in force' contains 'stays in force' "$SCRATCH/upgrade"
        passes 'the old unit is kept' test -f "$ROOT/lib/systemd/system/pg_exporter.service.dpkg-old"
    else
        passes 'untouched settings are the new ones' not grep -q '^PG' "$ROOT/etc/default/pg_exporter"
        passes 'untouched definitions are set aside' test -f "$ROOT/etc/pg_exporter.yml.dpkg-old" -a ! -e "$ROOT/etc/pg_exporter.yml"
        passes 'it says so' contains 'set aside' "$SCRATCH/upgrade"
    fi
    serves /usr/bin/pg_exporter prometheus in_settings_of /etc/default/pg_exporter prometheus
    passes 'can be purged' inside dpkg --purge pg-exporter
    passes 'nothing but what somebody made is left' test -z "$(left_over | grep -v '/etc/pg_exporter.yml$')"
}

# Runs the program in the chroot with the variables of its settings, as systemd does; the server is the test's.
in_settings_of() { # SETTINGS USER ARGUMENT...
    local settings=$1 user=$2
    shift 2
    exec chroot --userspec="$user:$user" "$ROOT" env "PG_EXPORTER_URL=$PG_EXPORTER_URL" sh -c '
        url=$PG_EXPORTER_URL settings=$1
        shift
        set -a
        if [ -r "$settings" ]; then . "$settings"; fi
        PG_EXPORTER_URL=$url
        exec /usr/bin/pg_exporter $PG_EXPORTER_OPTS "$@"' - "$settings" "$@"
}

# ---- RPM -------------------------------------------------------------------------------------------------------

# Scriptlets run in the root, whose shell, getent and useradd do what Red Hat's do. The other packages that a Red Hat system has
# are not there: their names are not asked for.
in_rpm_root() { rpm --root "$ROOT" --nodeps --nosignature "$@"; }

test_rpm() {
    local package=$DIST/pg_exporter-$VERSION-1.$HOST.rpm
    WHAT=rpm
    fresh_root bookworm
    passes 'installs' in_rpm_root -i "$package"
    passes 'its files are as they should be' in_rpm_root -V pg_exporter
    passes 'the user is there' grep -qE '^pg_exporter:.*:/sbin/nologin$' "$ROOT/etc/passwd"
    passes 'settings are for root alone' test "$(stat -c %a "$ROOT/etc/sysconfig/pg_exporter")" = 600
    passes 'the example has no mistake' inside pg_exporter check --strict /etc/pg_exporter/collectors.yml.example
    serves /usr/bin/pg_exporter pg_exporter chroot --userspec=pg_exporter:pg_exporter "$ROOT" /usr/bin/pg_exporter
    echo 'PG_EXPORTER_TAG=mine' >>"$ROOT/etc/sysconfig/pg_exporter"
    passes 'installs over itself' in_rpm_root -U --force "$package"
    passes 'changed settings stay' grep -q '^PG_EXPORTER_TAG=mine$' "$ROOT/etc/sysconfig/pg_exporter"
    passes 'can be erased' in_rpm_root -e pg_exporter
    passes 'changed settings are kept aside, nothing else is left' test "$(left_over | grep -v /var/lib/rpm)" = "$ROOT/etc/sysconfig/pg_exporter.rpmsave"
}

make_rpm_of_1x() {
    local root=$SCRATCH/rpm-1x
    [[ ! -e $SCRATCH/1x.rpm ]] || return 0
    files_of_1x "$root" /usr/lib/systemd/system
    cat >"$SCRATCH/1x.spec" <<END
Name: pg_exporter
Version: 1.4.1
Release: 1
Summary: a package as 1.x had it
License: Apache-2.0
AutoReqProv: no
%description
As 1.x had it.
%install
cp -a $root/. %{buildroot}/
%pre
getent group prometheus >/dev/null || groupadd -r prometheus
getent passwd prometheus >/dev/null || useradd -r -g prometheus -s /sbin/nologin prometheus
exit 0
%files
/usr/bin/pg_exporter
%config(noreplace) %attr(0700,prometheus,prometheus) /etc/pg_exporter.yml
%config(noreplace) %attr(0700,prometheus,prometheus) /etc/default/pg_exporter
%config /usr/lib/systemd/system/pg_exporter.service
END
    rpmbuild -bb --quiet --target "$HOST-linux" --define "_topdir $SCRATCH/rpmbuild-1x" --define "_rpmdir $SCRATCH" \
        --define '_build_name_fmt 1x.rpm' --define 'debug_package %{nil}' --define '__os_install_post %{nil}' \
        "$SCRATCH/1x.spec" >"$SCRATCH/rpmbuild" 2>&1 || { cat "$SCRATCH/rpmbuild" >&2 && die 'cannot make a package as 1.x had it'; }
}

test_rpm_from_1x() { # untouched|changed
    WHAT="rpm over 1.x, $1"
    fresh_root bookworm
    make_rpm_of_1x
    passes '1.x installs' in_rpm_root -i "$SCRATCH/1x.rpm"
    [[ $1 == untouched ]] || change_files_of_1x
    passes 'the upgrade works' in_rpm_root -U "$DIST/pg_exporter-$VERSION-1.$HOST.rpm"
    cp -- "$SCRATCH/output" "$SCRATCH/upgrade"
    passes 'it says where the differences are' contains migration.md "$SCRATCH/upgrade"
    passes 'the unit is the new one' grep -q Type=notify "$ROOT/usr/lib/systemd/system/pg_exporter.service"
    passes 'it goes on as the user of 1.x' grep -q '^User=prometheus$' "$ROOT/etc/systemd/system/pg_exporter.service.d/user-of-1.x.conf"
    passes 'the settings of 1.x are in force' grep -q '^PG_EXPORTER_URL=' "$ROOT/etc/default/pg_exporter"
    passes 'the definitions that they name are there' test -f "$ROOT/etc/pg_exporter.yml"
    if [[ $1 == changed ]]; then
        passes 'with what was changed' grep -q monitor:secret "$ROOT/etc/default/pg_exporter"
        passes 'in both' grep -q '^# mine$' "$ROOT/etc/pg_exporter.yml"
    fi
    passes 'nothing is kept twice' test -z "$(find "$ROOT/etc" "$ROOT/var/lib" -name '*.rpmsave' -o -name 'pg_exporter-1.x')"
    serves /usr/bin/pg_exporter prometheus in_settings_of /etc/default/pg_exporter prometheus
    passes 'can be erased' in_rpm_root -e pg_exporter
}

# ---- image -----------------------------------------------------------------------------------------------------

test_image() {
    local archive=$DIST/pg_exporter-$VERSION-linux-$ARCHITECTURE.oci.tar
    WHAT=image
    passes 'skopeo reads it' skopeo inspect "oci-archive:$archive"
    cp -- "$SCRATCH/output" "$SCRATCH/inspected"
    passes 'it names a version' contains "\"org.opencontainers.image.version\": \"$VERSION\"" "$SCRATCH/inspected"
    passes 'skopeo reads it as an archive of Docker too' skopeo inspect "docker-archive:$archive"
    passes 'is smaller than 15 MB' test "$(stat -c %s "$archive")" -lt 15000000
    mkdir -p -- "$SCRATCH/image"
    tar -xf "$archive" -C "$SCRATCH/image"
    passes 'umoci unpacks it' umoci unpack --image "$SCRATCH/image:$VERSION" "$SCRATCH/bundle"
    ROOT=$SCRATCH/bundle/rootfs
    passes 'the program needs no library' not sh -c 'readelf -d "$1" | grep -q NEEDED' - "$ROOT/usr/bin/pg_exporter"
    passes 'unpacked it is smaller than 15 MB' test "$(du -sb "$ROOT" | cut -f 1)" -lt 15000000
    passes 'its command line is what its health check uses' inside /usr/bin/pg_exporter probe --help
    serves /usr/bin/pg_exporter pg_exporter chroot --userspec=65532:65532 "$ROOT" /usr/bin/pg_exporter
}

# ---- linters ---------------------------------------------------------------------------------------------------

test_linters() {
    local package
    WHAT=lintian
    # As root it would run as root anyway; it reads the overrides that are in the package.
    for package in "$DIST"/*.deb; do
        passes "has no complaint of ${package##*/} but for those listed with a reason" lintian --allow-root --fail-on error,warning \
            --profile debian "$package"
    done
    WHAT=rpmlint
    for package in "$DIST"/*.rpm; do
        passes "has no complaint of ${package##*/} but for those listed with a reason" rpmlint --strict \
            --config packaging/rpm/rpmlint.toml "$package"
    done
}
