//! How the table of collectors is to be shown: what the links and the form of the page say in the query.

use super::order::{Column, Order, filter, filter_query, href};
use crate::web::query::pairs;

/// What a table of collectors can be sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Sort {
    Name,
    /// What needs attention first.
    #[default]
    State,
    Duration,
    Series,
    Age,
    Errors,
}

impl Column for Sort {
    const ALL: &'static [Self] = &[
        Self::Name,
        Self::State,
        Self::Duration,
        Self::Series,
        Self::Age,
        Self::Errors,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::State => "state",
            Self::Duration => "duration",
            Self::Series => "series",
            Self::Age => "age",
            Self::Errors => "errors",
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Name => "Collector",
            Self::State => "State",
            Self::Duration => "Duration",
            Self::Series => "Series",
            Self::Age => "Age / ttl",
            Self::Errors => "Errors",
        }
    }

    fn is_number(self) -> bool {
        !matches!(self, Self::Name | Self::State)
    }

    fn descends(self) -> bool {
        self.is_number()
    }
}

/// What a collector's state means for the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Group {
    /// Failed or paused after a failure, on some database.
    Failing,
    /// Not run yet, or its database was not reached.
    Waiting,
    /// Published, or not because a predicate says so.
    Running,
    /// Installed nowhere.
    Inactive,
}

impl Group {
    pub(super) const ALL: [Self; 4] = [Self::Failing, Self::Waiting, Self::Running, Self::Inactive];

    /// Its value of `state`.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Failing => "failed",
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Inactive => "inactive",
        }
    }

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Failing => "Failing",
            Self::Waiting => "Waiting",
            Self::Running => "Running",
            Self::Inactive => "Inactive",
        }
    }

    /// How it is to be coloured.
    pub(super) fn tone(self) -> &'static str {
        match self {
            Self::Failing => "bad",
            Self::Waiting => "warn",
            Self::Running => "good",
            Self::Inactive => "mute",
        }
    }
}

/// What the query says; what it does not say, or what is not known, is the default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) order: Order<Sort>,
    pub(super) filter: String,
    /// All when `None`.
    pub(super) group: Option<Group>,
    /// Whether all databases are listed, however many there are.
    pub(super) all_databases: bool,
    /// What requests call the target, where there are many.
    pub(super) target: Option<String>,
}

impl Options {
    pub(super) fn read(query: &str) -> Self {
        let mut options = Self {
            order: Order::read(query),
            ..Self::default()
        };
        for (name, value) in pairs(query) {
            match &*name {
                "filter" => options.filter = filter(&value),
                "state" => options.group = Group::ALL.into_iter().find(|group| group.word() == value),
                "databases" => options.all_databases = value == "all",
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

    /// The same page with that group only, or all.
    pub(super) fn grouped(&self, group: Option<Group>) -> Self {
        Self {
            group,
            ..self.clone()
        }
    }

    /// The same page with all databases, or the first of them.
    pub(super) fn with_databases(&self, all_databases: bool) -> Self {
        Self {
            all_databases,
            ..self.clone()
        }
    }

    /// Where this page is, seen from itself.
    pub(super) fn href(&self) -> String {
        href([
            self.target.as_ref().map(|name| format!("target={name}")),
            self.order.query(),
            self.group.map(|group| format!("state={}", group.word())),
            filter_query(&self.filter),
            self.all_databases.then(|| "databases=all".to_owned()),
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
            "sort=duration&order=desc",
            "sort=state&order=desc",
            "sort=name&order=asc&state=failed&filter=a%26b%20%C3%A9",
            "databases=all",
        ] {
            let options = Options::read(query);
            let expected = if query.is_empty() {
                "./".to_owned()
            } else {
                format!("./?{query}")
            };
            assert_eq!(options.href(), expected);
            let again = options.href();
            assert_eq!(
                Options::read(again.trim_start_matches("./").trim_start_matches('?')),
                options
            );
        }
    }

    #[test]
    fn what_is_not_known_is_the_default() {
        let odd = "sort=size&order=up&state=broken&filter=+&databases=few&x=y";
        assert_eq!(Options::read(odd), Options::default());
        assert_eq!(
            Options::read(&format!("filter={}", "é".repeat(500)))
                .filter
                .chars()
                .count(),
            100
        );
    }

    #[test]
    fn a_second_click_turns_the_order() {
        let first = Order::default().by(Sort::Series);
        assert_eq!(first.word(), "desc");
        assert_eq!(first.by(Sort::Series).word(), "asc");
        assert_eq!(first.by(Sort::Series).by(Sort::Name).word(), "asc");
    }
}
