//! How the table of targets is to be shown: what the links and the form of the page say in the query.

use super::order::{Column, Order, filter, filter_query, href};
use crate::web::query::pairs;

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

impl Column for Sort {
    const ALL: &'static [Self] = &[
        Self::Name,
        Self::State,
        Self::Version,
        Self::Lag,
        Self::Connections,
        Self::Scraped,
        Self::Series,
        Self::Errors,
    ];

    fn word(self) -> &'static str {
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

    fn label(self) -> &'static str {
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

    fn is_number(self) -> bool {
        !matches!(self, Self::Name | Self::State | Self::Version)
    }

    fn descends(self) -> bool {
        !matches!(self, Self::Name | Self::State)
    }
}

/// What the query says; what it does not say, or what is not known, is the default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FleetOptions {
    pub(super) order: Order<Sort>,
    pub(super) filter: String,
    /// A word of a state; all when empty.
    pub(super) state: String,
    /// Whether all rows are listed, however many there are.
    pub(super) all: bool,
}

impl FleetOptions {
    pub(super) fn read(query: &str) -> Self {
        let mut options = Self {
            order: Order::read(query),
            ..Self::default()
        };
        for (name, value) in pairs(query) {
            match &*name {
                "filter" => options.filter = filter(&value),
                "state" => options.state = value.chars().take(10).filter(char::is_ascii_lowercase).collect(),
                "targets" => options.all = value == "all",
                _ => {}
            }
        }
        options
    }

    /// The same page in that order.
    pub(super) fn ordered(&self, order: Order<Sort>) -> Self {
        Self {
            order,
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
        href([
            self.order.query(),
            (!self.state.is_empty()).then(|| format!("state={}", self.state)),
            filter_query(&self.filter),
            self.all.then(|| "targets=all".to_owned()),
        ])
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
        assert_eq!(Order::default().by(Sort::Lag).word(), "desc");
    }
}
