//! What the log was told of new connections that are refused: causes that come in turn are told of once, not at each try.

use std::time::Duration;

use tokio::time::Instant;

use crate::postgres::failure::{Failure, Reason};

/// For how long a cause that was told of is not told of again.
const HELD_BACK: Duration = Duration::from_secs(600);

/// Causes within that time: one whose text is another at each try is no news, either.
const MOST: usize = 8;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Told {
    recent: Vec<(Failure, Instant)>,
    /// What was said last, where that was a refusal.
    last: Option<Failure>,
}

/// What there is to say.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    Refused(Failure),
    LetIn,
}

impl Told {
    /// What there is to say of a try: it was refused, or let in.
    pub(super) fn news(&mut self, refused: Option<&Failure>) -> Option<News> {
        let Some(cause) = refused else {
            return self.last.take().map(|_| News::LetIn);
        };
        self.recent.retain(|(_, at)| at.elapsed() < HELD_BACK);
        let is_known = self.recent.iter().any(|(known, _)| known == cause);
        // That there was no connection to try with says nothing.
        if cause.reason == Reason::Timeout
            || self.last.as_ref() == Some(cause)
            || is_known
            || self.recent.len() >= MOST
        {
            return None;
        }
        self.recent.push((cause.clone(), Instant::now()));
        self.last = Some(cause.clone());
        Some(News::Refused(cause.clone()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn cause(text: &str) -> Failure {
        Failure::connection(text).of_our_own()
    }

    /// How many lines an hour of tries writes, one each 5 s.
    async fn lines(of_try: impl Fn(usize) -> Option<Failure>) -> usize {
        let (mut told, mut lines) = (Told::default(), 0);
        for number in 0..720 {
            lines += usize::from(told.news(of_try(number).as_ref()).is_some());
            advance(Duration::from_secs(5)).await;
        }
        lines
    }

    #[tokio::test(start_paused = true)]
    async fn causes_in_turn_are_told_of_once_in_a_while() {
        assert_eq!(lines(|_| Some(cause("the password is wrong"))).await, 1);
        let in_turn = |number: usize| Some(cause(["a limit", "a rule", "a password"].get(number % 3)?));
        assert!(lines(in_turn).await <= 3 * 6);
        let now_and_then = |number: usize| number.is_multiple_of(2).then(|| cause("a limit"));
        assert!(lines(now_and_then).await <= 2 * 6);
        let beside_nothing = |number: usize| match number % 2 {
            0 => Some(cause("a limit")),
            _ => Some(Failure::timeout("no connection was free to try with").for_want_of_a_place()),
        };
        assert_eq!(lines(beside_nothing).await, 1);
        let always_another = |number: usize| Some(cause(&format!("client port {number}")));
        assert!(lines(always_another).await <= MOST * 6);
    }

    #[tokio::test(start_paused = true)]
    async fn what_changes_is_told_at_once() {
        let (one, other) = (cause("a limit"), cause("a rule"));
        let mut told = Told::default();
        assert_eq!(told.news(None), None, "nothing was refused");
        assert_eq!(told.news(Some(&one)), Some(News::Refused(one.clone())));
        assert_eq!(told.news(Some(&one)), None);
        assert_eq!(told.news(Some(&other)), Some(News::Refused(other.clone())));
        assert_eq!(told.news(None), Some(News::LetIn));
        assert_eq!(told.news(None), None);
        advance(HELD_BACK).await;
        assert_eq!(told.news(Some(&one)), Some(News::Refused(one)));
        assert_eq!(told.news(None), Some(News::LetIn));
    }
}
