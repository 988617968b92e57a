//! Databases and tables by their bytes, and how they are shown.

/// A database: its name, the name's label, its encoding, a table in it, and the table's label.
pub(super) struct Named {
    pub(super) name: &'static [u8],
    pub(super) label: &'static str,
    pub(super) encoding: &'static str,
    pub(super) table: &'static [u8],
    pub(super) table_label: &'static str,
}

const fn named(
    name: &'static [u8],
    label: &'static str,
    encoding: &'static str,
    table: &'static [u8],
    table_label: &'static str,
) -> Named {
    Named {
        name,
        label,
        encoding,
        table,
        table_label,
    }
}

/// Names that one encoding would take for another's, that no encoding takes, and that differ by what is no UTF-8 alone.
pub(super) const DATABASES: [Named; 11] = [
    named(b"ascii", "ascii", "SQL_ASCII", b"t\xffx", "t\u{fffd}x[ff]"),
    named(b"latin1", "latin1", "LATIN1", b"th\xe9", "thé"),
    named(b"win1251", "win1251", "WIN1251", b"\xe8\xec\xff", "имя"),
    named(b"win1252", "win1252", "WIN1252", b"\x80uro", "€uro"),
    named(b"euc_jp", "euc_jp", "EUC_JP", b"\xc6\xfc\xcb\xdc", "日本"),
    named(b"euc_kr", "euc_kr", "EUC_KR", b"\xc7\xd1", "한"),
    named(
        b"caf\xe9",
        "caf\u{fffd}[e9]",
        "SQL_ASCII",
        b"caf\xe9",
        "caf\u{fffd}[e9]",
    ),
    named(b"caf\xe8", "caf\u{fffd}[e8]", "LATIN1", b"cr\xe8me", "crème"),
    named("café".as_bytes(), "café", "UTF8", "café".as_bytes(), "café"),
    named(
        b"\xc7\xd1 50%/?&",
        "\u{fffd}\u{fffd} 50%/?&[c7.d1]",
        "EUC_KR",
        b"a",
        "a",
    ),
    named(
        "caf\u{fffd}[e9]".as_bytes(),
        "caf\u{fffd}[e9][efbfbd]",
        "UTF8",
        b"b",
        "b",
    ),
];

/// Encodings of other scripts, one that nothing is known of, and tables of one name but for the encoding that it is read in.
pub(super) const OF_OTHER_SCRIPTS: [Named; 7] = [
    named(b"ascii", "ascii", "SQL_ASCII", b"\xa3", "\u{fffd}[a3]"),
    named(b"koi8r", "koi8r", "KOI8R", b"\xc9\xcd\xd1", "имя"),
    named(b"win866", "win866", "WIN866", b"\xa8\xac\xef", "имя"),
    named(
        b"l\xf3d\xbc",
        "l\u{fffd}d\u{fffd}[f3.bc]",
        "LATIN2",
        b"\xa3\xf3d\xbc",
        "Łódź",
    ),
    named(b"greek", "greek", "ISO_8859_7", b"\xe1\xe2", "αβ"),
    named(b"euc_cn", "euc_cn", "EUC_CN", b"\xd6\xd0\xce\xc4", "中文"),
    named(
        b"euc_tw",
        "euc_tw",
        "EUC_TW",
        b"\xc4\xe3",
        "\u{fffd}\u{fffd}[c4.e3]",
    ),
];

/// Line ends, quotes, what a URL or a label reads otherwise, the replacement character itself, all 63 bytes that a name may have,
/// the last of which is half a character, and sequences that look like UTF-8 and are none.
pub(super) const OF_ANY_FORM: [Named; 8] = [
    named(b"ascii", "ascii", "SQL_ASCII", b"\xef\xbf\xbd", "\u{fffd}"),
    named(
        b"line\nfeed\t{a=\"b\"} 1\n",
        "line\nfeed\t{a=\"b\"} 1\n",
        "UTF8",
        b"# HELP a\nb 1\n",
        "# HELP a\nb 1\n",
    ),
    named(
        b" 'quo\"ted\\n ",
        " 'quo\"ted\\n ",
        "LATIN1",
        b"a\"b'c\\",
        "a\"b'c\\",
    ),
    named(
        b"a/b?c=d&e=f#g@h:i,j%25",
        "a/b?c=d&e=f#g@h:i,j%25",
        "UTF8",
        b"%s%n%00",
        "%s%n%00",
    ),
    named(b"\xff", "\u{fffd}[ff]", "SQL_ASCII", b"\xff", "\u{fffd}[ff]"),
    named(
        "\u{fffd}".as_bytes(),
        "\u{fffd}",
        "UTF8",
        "\u{fffd}".as_bytes(),
        "\u{fffd}",
    ),
    named(
        b"12345678901234567890123456789012345678901234567890123456789012\xc3",
        "12345678901234567890123456789012345678901234567890123456789012\u{fffd}[c3]",
        "SQL_ASCII",
        b"1234567890123456789012345678901234567890123456789012345678901\xe6\x97",
        "1234567890123456789012345678901234567890123456789012345678901\u{fffd}[e697]",
    ),
    named(
        b"\xc0\x80\xed\xa0\x80",
        "\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}[c0.80.ed.a0.80]",
        "SQL_ASCII",
        b"\xf4\x90\x80\x80",
        "\u{fffd}\u{fffd}\u{fffd}\u{fffd}[f4.90.80.80]",
    ),
];
