//! How the table of collectors is to be shown: what the links and the form of the page say in the query.

use crate::web::query::{pairs, percent_encoded};

/// A filter longer than this is cut: names are shorter.
const LONGEST_FILTER: usize = 100;

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

impl Sort {
    pub(super) const ALL: [Self; 6] = [
        Self::Name,
        Self::State,
        Self::Duration,
        Self::Series,
        Self::Age,
        Self::Errors,
    ];

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::State => "state",
            Self::Duration => "duration",
            Self::Series => "series",
            Self::Age => "age",
            Self::Errors => "errors",
        }
    }

    /// Whether the order that people look for first is from the largest down.
    fn descends(self) -> bool {
        !matches!(self, Self::Name | Self::State)
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
    pub(super) sort: Sort,
    /// Whether the order is the other one than [`Sort`]'s own.
    pub(super) reversed: bool,
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
        let mut options = Self::default();
        let mut descending = None;
        for (name, value) in pairs(query) {
            match &*name {
                "sort" => options.sort = known(&Sort::ALL, Sort::word, &value).unwrap_or_default(),
                "order" => {
                    descending = known(&["asc", "desc"], |word| word, &value).map(|word| word == "desc");
                }
                "filter" => options.filter = value.trim().chars().take(LONGEST_FILTER).collect(),
                "state" => options.group = known(&Group::ALL, Group::word, &value),
                "databases" => options.all_databases = value == "all",
                _ => {}
            }
        }
        let own = options.sort.descends();
        options.reversed = descending.is_some_and(|descending| descending != own);
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
        let mut query: Vec<_> = self.target.iter().map(|name| format!("target={name}")).collect();
        if self.sort != Sort::default() || self.reversed {
            query.push(format!("sort={}&order={}", self.sort.word(), self.order()));
        }
        if let Some(group) = self.group {
            query.push(format!("state={}", group.word()));
        }
        if !self.filter.is_empty() {
            query.push(format!("filter={}", percent_encoded(&self.filter)));
        }
        if self.all_databases {
            query.push("databases=all".to_owned());
        }
        if query.is_empty() {
            "./".to_owned()
        } else {
            format!("./?{}", query.join("&"))
        }
    }
}

fn known<T: Copy>(all: &[T], word: impl Fn(T) -> &'static str, value: &str) -> Option<T> {
    all.iter().copied().find(|one| word(*one) == value)
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
        let first = Options::default().sorted(Sort::Series);
        assert_eq!(first.order(), "desc");
        assert_eq!(first.sorted(Sort::Series).order(), "asc");
        assert_eq!(first.sorted(Sort::Series).sorted(Sort::Name).order(), "asc");
    }
}
