# shellcheck shell=bash
# shellcheck disable=SC2154 # scripts/packages, which reads this file, sets what is used here
#
# How scripts/packages packs: one folder with what all packages hold, and a function for each form of package.
# Each file's time is SOURCE_DATE_EPOCH, each archive is sorted and names no user of this machine.

# What every package holds, by the tarball's names.
stage_common() { # FOLDER
    local to=$1 file
    mkdir -p -- "$to"/{completions,man,systemd,etc/web,doc,observability}
    install -m 755 "$PROGRAM_FILE" "$to/pg_exporter"
    "${SPEAKER[@]}" man "$to/man" || die "${SPEAKER[*]} cannot write its man pages"
    "${SPEAKER[@]}" completions bash >"$to/completions/pg_exporter.bash"
    "${SPEAKER[@]}" completions zsh >"$to/completions/_pg_exporter"
    "${SPEAKER[@]}" completions fish >"$to/completions/pg_exporter.fish"
    install -m 644 packaging/systemd/* "$to/systemd/"
    install -m 644 packaging/etc/pg_exporter.env packaging/etc/collectors.yml.example "$to/etc/"
    install -m 644 packaging/etc/web.yml.example "$to/etc/web/config.yml.example"
    # docs/README.md leads through these pages; the repository's own is for those who have the repository.
    for file in CHANGELOG.md docs/*.md; do install -m 644 "$file" "$to/doc/"; done
    install -d "$to/doc/zh"
    install -m 644 docs/zh/*.md "$to/doc/zh/"
    rm -- "$to/doc/SUMMARY.md"
    install -m 644 "$BILL_FILE" "$to/doc/sbom.cdx.json"
    install -m 644 LICENSE "$to/LICENSE"
    write_licences "$to/doc/THIRD-PARTY.txt"
    # Rules and dashboards for Prometheus and Grafana.
    copy_observability "$to/observability"
    # The names of postgres_exporter's default metrics, for those who come from there.
    install -D -m 644 -t "$to/compat/postgres_exporter" collectors/compat/postgres_exporter/*.yml
}

copy_observability() { # FOLDER
    local file
    for file in observability/rules/*.yml observability/dashboards/*.json; do
        if [[ -f $file ]]; then install -D -m 644 "$file" "$1/${file#observability/}"; fi
    done
}

# The places of a system: units and shell completions are elsewhere on each.
stage_system() { # FOLDER UNITS ZSH DOCS
    local to=$1 units=$2 zsh=$3 docs=$4 common=$WORK/common file
    install -D -m 755 "$common/pg_exporter" "$to/usr/bin/pg_exporter"
    for file in service socket; do install -D -m 644 "$common/systemd/pg_exporter.$file" "$to$units/pg_exporter.$file"; done
    install -D -m 644 "$common/systemd/pg_exporter.sysusers" "$to/usr/lib/sysusers.d/pg_exporter.conf"
    install -D -m 644 "$common/etc/collectors.yml.example" "$to/etc/pg_exporter/collectors.yml.example"
    install -D -m 644 "$common/etc/web/config.yml.example" "$to/etc/pg_exporter/web/config.yml.example"
    install -D -m 644 "$common/completions/pg_exporter.bash" "$to/usr/share/bash-completion/completions/pg_exporter"
    install -D -m 644 "$common/completions/_pg_exporter" "$to$zsh/_pg_exporter"
    install -D -m 644 "$common/completions/pg_exporter.fish" "$to/usr/share/fish/vendor_completions.d/pg_exporter.fish"
    for file in "$common"/man/*.1; do
        install -D -m 644 "$file" "$to/usr/share/man/man1/${file##*/}"
        gzip -9n "$to/usr/share/man/man1/${file##*/}"
    done
    mkdir -p -- "$to/usr/share/pg_exporter" "$to$docs"
    cp -r -- "$common/observability" "$common/compat" "$to/usr/share/pg_exporter/"
    cp -r -- "$common/doc/." "$to$docs/"
}

settle_times() { # FOLDER
    find "$1" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
}

sorted_tar() { # FOLDER NAME...
    local folder=$1
    shift
    tar -C "$folder" -c --format=gnu --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner "$@"
}

make_tarball() {
    local name=pg_exporter-$VERSION-linux-$MACHINE
    cp -r -- "$WORK/common" "$WORK/$name"
    sorted_tar "$WORK" "$name" | gzip -9n >"$OUT/$name.tar.gz"
}

# Debian has a form of its own; of each release it says the least that the form takes.
write_changelog() {
    local maintainer
    maintainer=$(sed -n 's/^Maintainer: //p' packaging/deb/control)
    printf 'pg-exporter (%s) unstable; urgency=medium\n\n  * Release %s. CHANGELOG.md.gz, beside this file, has what is new.\n\n -- %s  %s\n' \
        "$VERSION" "$VERSION" "$maintainer" "$(date -u -R -d "@$SOURCE_DATE_EPOCH")"
}

make_deb() {
    local root=$WORK/deb docs=/usr/share/doc/pg-exporter
    local size
    stage_system "$root" /lib/systemd/system /usr/share/zsh/vendor-completions $docs
    install -D -m 644 packaging/etc/pg_exporter.env "$root/etc/default/pg_exporter"
    install -m 644 packaging/deb/copyright "$root$docs/copyright"
    write_changelog >"$root$docs/changelog"
    gzip -9n "$root$docs/changelog" "$root$docs/CHANGELOG.md"
    install -D -m 644 packaging/deb/lintian-overrides "$root/usr/share/lintian/overrides/pg-exporter"
    mkdir -- "$root/DEBIAN"
    size=$(du -sk --apparent-size --exclude=DEBIAN "$root" | cut -f 1)
    sed -e "s/@VERSION@/$VERSION/" -e "s/@ARCHITECTURE@/$ARCHITECTURE/" -e "s/@SIZE@/$size/" -e "s/@GLIBC@/$GLIBC/" \
        packaging/deb/control >"$root/DEBIAN/control"
    install -m 644 packaging/deb/conffiles "$root/DEBIAN/conffiles"
    install -m 755 packaging/deb/{preinst,postinst,prerm,postrm} "$root/DEBIAN/"
    (cd -- "$root" && find . -type f ! -path './DEBIAN/*' -printf '%P\n' | sort | xargs md5sum >DEBIAN/md5sums)
    settle_times "$root"
    dpkg-deb --root-owner-group -Zxz --build "$root" "$OUT/pg-exporter_${VERSION}_$ARCHITECTURE.deb" >"$WORK/dpkg-deb" ||
        { cat "$WORK/dpkg-deb" >&2 && die 'dpkg-deb made no package'; }
}

make_rpm() {
    local root=$WORK/rpm name=pg_exporter-$VERSION-1.$MACHINE.rpm
    stage_system "$root" /usr/lib/systemd/system /usr/share/zsh/site-functions /usr/share/doc/pg_exporter
    install -D -m 644 packaging/etc/pg_exporter.env "$root/etc/sysconfig/pg_exporter"
    install -D -m 644 LICENSE "$root/usr/share/doc/pg_exporter/LICENSE"
    settle_times "$root"
    "$CACHE/tools/bin/rpmbuild" -bb --quiet --target "$MACHINE-linux" \
        --define "_topdir $WORK/rpmbuild" --define "_rpmdir $WORK" --define "_build_name_fmt $name" \
        --define "_stage $root" --define "_version $VERSION" --define "_glibc $GLIBC" --define '_buildhost reproducible' \
        --define 'use_source_date_epoch_as_buildtime 1' --define 'clamp_mtime_to_source_date_epoch 1' \
        --define '_binary_payload w9.gzdio' --define '_build_id_links none' --define 'debug_package %{nil}' \
        --define '__os_install_post %{nil}' --define "_docdir /usr/share/doc" \
        packaging/rpm/pg_exporter.spec >"$WORK/rpmbuild.log" 2>&1 ||
        { cat "$WORK/rpmbuild.log" >&2 && die 'rpmbuild made no package'; }
    mv -- "$WORK/$name" "$OUT/$name"
}

# The rules and dashboards are in it: Helm reads no file outside of the chart.
stage_chart() { # FOLDER
    mkdir -p -- "$1/files"
    cp -r --no-preserve=mode,ownership -- packaging/helm/pg-exporter/. "$1/"
    copy_observability "$1/files"
}

make_chart() {
    stage_chart "$SCRATCH/chart/pg-exporter"
    # What `helm package` makes, whose times are those of the day.
    sorted_tar "$SCRATCH/chart" --exclude=pg-exporter/ci pg-exporter | gzip -9n >"$OUT/pg-exporter-chart-$VERSION.tgz"
}

# ---- the image -------------------------------------------------------------------------------------------------

# Authorities for sslrootcert=system: Debian's package of Mozilla's.
write_authorities() { # FILE
    local certificate root=$SCRATCH/authorities folder=/usr/share/ca-certificates/mozilla
    if [[ ! -d $folder ]]; then
        [[ -d $root ]] || unpack_packages "$root" ca-certificates || die 'the image takes the package ca-certificates'
        folder=$root$folder
    fi
    for certificate in "$folder"/*.crt; do cat -- "$certificate"; done >"$1"
}

put_blob() { # FILE -> digest, the file moved to its place
    local digest
    digest=$(sha256sum "$1" | cut -d ' ' -f 1)
    mv -- "$1" "$WORK/image/blobs/sha256/$digest"
    printf '%s' "$digest"
}

make_image() {
    local root=$WORK/rootfs image=$WORK/image created
    local layer_id layer layer_size config config_size manifest manifest_size revision tag
    created=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)
    revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
    tag=pg_exporter:$VERSION
    mkdir -p -- "$root"/{usr/bin,etc/ssl/certs} "$image/blobs/sha256"
    install -m 755 "$STATIC_FILE" "$root/usr/bin/pg_exporter"
    install -m 644 packaging/image/passwd packaging/image/group "$root/etc/"
    write_authorities "$root/etc/ssl/certs/ca-certificates.crt"
    chmod 644 "$root/etc/ssl/certs/ca-certificates.crt"
    sorted_tar "$root" etc usr >"$WORK/layer.tar"
    layer_id=$(sha256sum "$WORK/layer.tar" | cut -d ' ' -f 1)
    gzip -9n "$WORK/layer.tar"
    layer_size=$(stat -c %s "$WORK/layer.tar.gz")
    layer=$(put_blob "$WORK/layer.tar.gz")
    sed -e "s/@CREATED@/$created/g" -e "s/@ARCHITECTURE@/$ARCHITECTURE/" -e "s/@LAYER@/$layer_id/" -e "s/@VERSION@/$VERSION/" \
        -e "s/@REVISION@/$revision/" packaging/image/config.json >"$WORK/config.json"
    config_size=$(stat -c %s "$WORK/config.json")
    config=$(put_blob "$WORK/config.json")
    printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":%s},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"sha256:%s","size":%s}]}' \
        "$config" "$config_size" "$layer" "$layer_size" >"$WORK/manifest.json"
    manifest_size=$(stat -c %s "$WORK/manifest.json")
    manifest=$(put_blob "$WORK/manifest.json")
    printf '{"imageLayoutVersion":"1.0.0"}' >"$image/oci-layout"
    printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%s,"platform":{"architecture":"%s","os":"linux"},"annotations":{"io.containerd.image.name":"docker.io/library/%s","org.opencontainers.image.ref.name":"%s"}}]}' \
        "$manifest" "$manifest_size" "$ARCHITECTURE" "$tag" "$VERSION" >"$image/index.json"
    # What versions of Docker that know no OCI layout load.
    printf '[{"Config":"blobs/sha256/%s","RepoTags":["%s"],"Layers":["blobs/sha256/%s"]}]' "$config" "$tag" "$layer" >"$image/manifest.json"
    sorted_tar "$image" blobs index.json manifest.json oci-layout >"$OUT/pg_exporter-$VERSION-linux-$ARCHITECTURE.oci.tar"
}
