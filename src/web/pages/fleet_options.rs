//! How the table of targets is to be shown: what the links and the form of the page say in the query.

use crate::web::query::{pairs, percent_encoded};

/// A filter longer than this is cut.
const LONGEST_FILTER: usize = 100;

/// What the table can be sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Sort {
    Name,
    /// What needs attention first.
    #[default]
    State,
    Version,
    Lag,
    Connections,
    Scraped,
    Series,
    Errors,
}

impl Sort {
    pub(super) const ALL: [Self; 8] = [
        Self::Name,
        Self::State,
        Self::Version,
        Self::Lag,
        Self::Connections,
        Self::Scraped,
        Self::Series,
        Self::Errors,
    ];

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::State => "state",
            Self::Version => "version",
            Self::Lag => "lag",
            Self::Connections => "connections",
            Self::Scraped => "scraped",
            Self::Series => "series",
            Self::Errors => "errors",
        }
    }

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Name => "Target",
            Self::State => "State",
            Self::Version => "Version",
            Self::Lag => "Lag",
            Self::Connections => "Connections",
            Self::Scraped => "Last scrape",
            Self::Series => "Series",
            Self::Errors => "Errors",
        }
    }

    pub(super) fn is_number(self) -> bool {
        !matches!(self, Self::Name | Self::State | Self::Version)
    }

    /// Whether the order that people look for first is from the largest down.
    fn descends(self) -> bool {
        !matches!(self, Self::Name | Self::State)
    }
}

/// What the query says; what it does not say, or what is not known, is the default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FleetOptions {
    pub(super) sort: Sort,
    /// Whether the order is the other one than [`Sort`]'s own.
    reversed: bool,
    pub(super) filter: String,
    /// A word of a state; all when empty.
    pub(super) state: String,
    /// Whether all rows are listed, however many there are.
    pub(super) all: bool,
}

impl FleetOptions {
    pub(super) fn read(query: &str) -> Self {
        let mut options = Self::default();
        let mut descending = None;
        for (name, value) in pairs(query) {
            match &*name {
                "sort" => {
                    let known = Sort::ALL.into_iter().find(|sort| sort.word() == value);
                    options.sort = known.unwrap_or_default();
                }
                "order" if value == "asc" => descending = Some(false),
                "order" if value == "desc" => descending = Some(true),
                "filter" => options.filter = value.trim().chars().take(LONGEST_FILTER).collect(),
                "state" => options.state = value.chars().take(10).filter(char::is_ascii_lowercase).collect(),
                "targets" => options.all = value == "all",
                _ => {}
            }
        }
        options.reversed = descending.is_some_and(|descending| descending != options.sort.descends());
        options
    }

    /// Whether the rows go from the largest down.
    pub(super) fn descends(&self) -> bool {
        self.sort.descends() != self.reversed
    }

    /// The value of `order`.
    pub(super) fn order(&self) -> &'static str {
        if self.descends() { "desc" } else { "asc" }
    }

    /// The same page sorted by that, or the other way round if it is already.
    pub(super) fn sorted(&self, sort: Sort) -> Self {
        Self {
            sort,
            reversed: sort == self.sort && !self.reversed,
            ..self.clone()
        }
    }

    /// The same page with targets of that state only, or all.
    pub(super) fn of_state(&self, state: &str) -> Self {
        Self {
            state: state.to_owned(),
            ..self.clone()
        }
    }

    /// The same page with all rows.
    pub(super) fn with_all(&self) -> Self {
        Self {
            all: true,
            ..self.clone()
        }
    }

    /// Where this page is, seen from itself.
    pub(super) fn href(&self) -> String {
        let mut query = Vec::new();
        if self.sort != Sort::default() || self.reversed {
            query.push(format!("sort={}&order={}", self.sort.word(), self.order()));
        }
        if !self.state.is_empty() {
            query.push(format!("state={}", self.state));
        }
        if !self.filter.is_empty() {
            query.push(format!("filter={}", percent_encoded(&self.filter)));
        }
        if self.all {
            query.push("targets=all".to_owned());
        }
        match query.is_empty() {
            true => "./".to_owned(),
            false => format!("./?{}", query.join("&")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_where_its_link_says() {
        for query in [
            "",
            "sort=lag&order=asc",
            "sort=name&order=asc&state=down&filter=a%26b&targets=all",
        ] {
            let options = FleetOptions::read(query);
            let expected = if query.is_empty() {
                "./".to_owned()
            } else {
                format!("./?{query}")
            };
            assert_eq!(options.href(), expected);
        }
        assert_eq!(
            FleetOptions::read("sort=x&order=y&targets=few&z"),
            FleetOptions::default()
        );
        assert_eq!(FleetOptions::default().sorted(Sort::Lag).order(), "desc");
    }
}
