# shellcheck shell=bash
# shellcheck disable=SC2154 # scripts/packages, which reads this file, sets what is used here
#
# The licences of the libraries in the program: most of them ask that their text goes with it.

# How libraries call the files with it.
readonly LICENCE_FILES='^(licen[sc]e|copying|copyright|notice|unlicense)'

# The folders of all libraries, as Cargo has them: sets PLACE, by name and version.
declare -A PLACE=()
find_libraries() {
    local folder
    cargo metadata --locked --format-version 1 --filter-platform "$TARGET" >"$WORK/metadata" || die 'cargo does not tell of the libraries'
    while read -r folder; do PLACE[${folder##*/}]=$folder; done < <(
        grep -oE '"manifest_path":"[^"]+"' "$WORK/metadata" | sed -E 's#^"manifest_path":"(.+)/Cargo.toml"$#\1#'
    )
}

# What is compiled into the program, a line `NAME VERSION LICENCE` for each.
list_libraries() {
    cargo tree --locked --package pg_exporter --target "$TARGET" --edges normal --prefix none --format '{p}|{l}' |
        sed -nE 's/ \(\*\)$//; /^pg_exporter/!s/^([^ ]+) v([^ |]+)[^|]*\|(.*)$/\1 \2 \3/p' | sort -u
}

# Each text once: a list of the libraries with the numbers of their texts, then the texts.
write_licences() { # FILE
    local name version licence folder file base sum numbers
    local -A known=()
    find_libraries
    list_libraries >"$WORK/libraries"
    [[ -s $WORK/libraries ]] || die 'cargo lists no library'
    printf 'The libraries in pg_exporter, their licences, and the numbers of the texts of these, which follow.\n\n' >"$1"
    : >"$WORK/texts"
    while read -r name version licence; do
        folder=${PLACE[$name-$version]:-${PLACE[$name]:-}}
        numbers=''
        for file in "$folder"/*; do
            base=${file##*/}
            [[ ${base,,} =~ $LICENCE_FILES && -f $file ]] || continue
            sum=$(sha256sum <"$file")
            if [[ -z ${known[$sum]:-} ]]; then
                known[$sum]=$((${#known[@]} + 1))
                printf '\n==== %s ====\n\n' "${known[$sum]}" >>"$WORK/texts"
                tr -d '\r' <"$file" >>"$WORK/texts"
            fi
            numbers+=" ${known[$sum]}"
        done
        [[ -n $numbers ]] || die "$name $version has no text of its licence in ${folder:-any folder}"
        printf '%s %s (%s):%s\n' "$name" "$version" "$licence" "$numbers" >>"$1"
    done <"$WORK/libraries"
    printf "\nRust's standard library (MIT OR Apache-2.0): https://www.rust-lang.org/policies/licenses\n" >>"$1"
    cat -- "$WORK/texts" >>"$1"
}
