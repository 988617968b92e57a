//! What to say about words that nobody knows.

/// `, did you mean "x"?` when a known word is near.
pub(crate) fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    match nearest(word, known) {
        Some(near) => format!(", did you mean `{near}`?"),
        None => String::new(),
    }
}

/// The known word that is nearest, when it is near enough to be meant.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let distance = |candidate: &&str| strsim::osa_distance(&lower, &candidate.to_lowercase());
    let most = 1 + word.chars().count() / 5;
    known
        .into_iter()
        .filter(|candidate| distance(candidate) <= most)
        .min_by_key(distance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_offered() {
        let known = ["query", "timeout", "ttl", "tags"];
        assert_eq!(did_you_mean("time_out", known), ", did you mean `timeout`?");
        assert_eq!(did_you_mean("Querry", known), ", did you mean `query`?");
        assert_eq!(did_you_mean("banana", known), "");
    }
}
