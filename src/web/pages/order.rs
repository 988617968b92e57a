//! What the tables of the pages have in common: their order, as the query says it, and links that sort and choose rows.

use crate::web::query::{pairs, percent_encoded};

/// A filter longer than this is cut: names are shorter.
const LONGEST_FILTER: usize = 100;

/// What a table can be sorted by.
pub(super) trait Column: Copy + Default + PartialEq + 'static {
    const ALL: &'static [Self];

    /// Its value of `sort`.
    fn word(self) -> &'static str;

    fn label(self) -> &'static str;

    fn is_number(self) -> bool;

    /// Whether the order that people look for first is from the largest down.
    fn descends(self) -> bool;
}

/// The order of a table's rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Order<C> {
    pub(super) column: C,
    /// Whether it is the other way round than the column's own.
    reversed: bool,
}

/// A link that shows the rows of one kind.
pub(super) struct Chip {
    pub(super) label: &'static str,
    pub(super) count: usize,
    pub(super) href: String,
    pub(super) is_current: bool,
}

/// The head of a column that can be sorted by.
pub(super) struct Head {
    pub(super) label: &'static str,
    pub(super) is_number: bool,
    pub(super) href: String,
    /// `aria-sort`, of the column that is sorted by.
    pub(super) order: Option<&'static str>,
}

impl<C: Column> Order<C> {
    /// What the query says; what it does not say, or what is not known, is the default.
    pub(super) fn read(query: &str) -> Self {
        let (mut column, mut descending) = (C::default(), None);
        for (name, value) in pairs(query) {
            match (&*name, &*value) {
                ("sort", word) => {
                    let known = C::ALL.iter().copied().find(|column| column.word() == word);
                    column = known.unwrap_or_default();
                }
                ("order", "asc") => descending = Some(false),
                ("order", "desc") => descending = Some(true),
                _ => {}
            }
        }
        let reversed = descending.is_some_and(|descending| descending != column.descends());
        Self { column, reversed }
    }

    /// Whether the rows go from the largest down.
    pub(super) fn descends(self) -> bool {
        self.column.descends() != self.reversed
    }

    /// The value of `sort`.
    pub(super) fn sort(self) -> &'static str {
        self.column.word()
    }

    /// The value of `order`.
    pub(super) fn word(self) -> &'static str {
        if self.descends() { "desc" } else { "asc" }
    }

    /// By that column, or the other way round if it is already.
    pub(super) fn by(self, column: C) -> Self {
        let reversed = column == self.column && !self.reversed;
        Self { column, reversed }
    }

    /// Its part of a query; none for the default.
    pub(super) fn query(self) -> Option<String> {
        let is_said = self.column != C::default() || self.reversed;
        is_said.then(|| format!("sort={}&order={}", self.sort(), self.word()))
    }

    /// The heads of the columns, with links to the page in another order.
    pub(super) fn heads(self, href: impl Fn(Self) -> String) -> Vec<Head> {
        let aria = if self.descends() {
            "descending"
        } else {
            "ascending"
        };
        let head = |column: &C| Head {
            label: column.label(),
            is_number: column.is_number(),
            href: href(self.by(*column)),
            order: (self.column == *column).then_some(aria),
        };
        C::ALL.iter().map(head).collect()
    }
}

/// The filter of a query.
pub(super) fn filter(value: &str) -> String {
    value.trim().chars().take(LONGEST_FILTER).collect()
}

/// A filter's part of a query; none where nothing is filtered.
pub(super) fn filter_query(filter: &str) -> Option<String> {
    (!filter.is_empty()).then(|| format!("filter={}", percent_encoded(filter)))
}

/// Where a page is that has these parts in its query, seen from itself.
pub(super) fn href(parts: impl IntoIterator<Item = Option<String>>) -> String {
    let query: Vec<String> = parts.into_iter().flatten().collect();
    match query.is_empty() {
        true => "./".to_owned(),
        false => format!("./?{}", query.join("&")),
    }
}
