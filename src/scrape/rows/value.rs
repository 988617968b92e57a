//! A number of a batch as the type that a struct's field has.

use std::fmt;
use std::time::{Duration, SystemTime};

/// What a field of a [`Row`](super::row::Row) can be, besides the text of a label.
///
/// A batch holds numbers as the page shows them: a double each, so integers above 2^53 are the nearest that it holds, and times are
/// whole seconds.
pub trait Value: Sized {
    /// The type, for messages.
    const NAME: &'static str;

    /// The value that a number stands for, NaN for NULL; `None` when it stands for none.
    fn of(number: f64) -> Option<Self>;

    /// The number that it stands for; `None` for NULL.
    fn number(&self) -> Option<f64>;
}

/// A row that is not what its struct says: its definition was compiled from another result than the server gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Unfit {
    /// The column's place among the value columns of the definition.
    pub column: usize,
    /// What is there; `None` for NULL and for a column that the result lacks.
    pub found: Option<f64>,
    /// The type of the field.
    pub wanted: &'static str,
}

/// Numbers up to here are whole or not by their own: a double holds no fraction above.
const LARGEST: f64 = 9_223_372_036_854_775_807.0;

impl Value for f64 {
    const NAME: &'static str = "f64";

    fn of(number: f64) -> Option<Self> {
        Some(number)
    }

    fn number(&self) -> Option<f64> {
        Some(*self)
    }
}

impl Value for i64 {
    const NAME: &'static str = "i64";

    fn of(number: f64) -> Option<Self> {
        (number.fract() == 0.0 && number.abs() <= LARGEST).then_some(number as Self)
    }

    fn number(&self) -> Option<f64> {
        Some(*self as f64)
    }
}

impl Value for u64 {
    const NAME: &'static str = "u64";

    fn of(number: f64) -> Option<Self> {
        (number.fract() == 0.0 && (0.0..=2.0 * LARGEST).contains(&number)).then_some(number as Self)
    }

    fn number(&self) -> Option<f64> {
        Some(*self as f64)
    }
}

impl Value for bool {
    const NAME: &'static str = "bool";

    fn of(number: f64) -> Option<Self> {
        (number == 0.0 || number == 1.0).then_some(number == 1.0)
    }

    fn number(&self) -> Option<f64> {
        Some(f64::from(u8::from(*self)))
    }
}

impl Value for SystemTime {
    const NAME: &'static str = "SystemTime";

    fn of(number: f64) -> Option<Self> {
        let distance = Duration::try_from_secs_f64(number.abs()).ok()?;
        if number < 0.0 {
            Self::UNIX_EPOCH.checked_sub(distance)
        } else {
            Self::UNIX_EPOCH.checked_add(distance)
        }
    }

    fn number(&self) -> Option<f64> {
        let seconds = match self.duration_since(Self::UNIX_EPOCH) {
            Ok(after) => after.as_secs_f64(),
            Err(before) => -before.duration().as_secs_f64(),
        };
        Some(seconds)
    }
}

/// `None` is NULL, and an infinite time, which is none.
impl<T: Value> Value for Option<T> {
    const NAME: &'static str = T::NAME;

    fn of(number: f64) -> Option<Self> {
        let is_none = number.is_nan() || (number.is_infinite() && T::of(number).is_none());
        if is_none {
            return Some(None);
        }
        T::of(number).map(Some)
    }

    fn number(&self) -> Option<f64> {
        self.as_ref().and_then(T::number)
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.found {
            Some(number) => write!(f, "holds {number}, which is no {}", self.wanted),
            None => write!(f, "is NULL or missing, which is no {}", self.wanted),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_what_they_stand_for() {
        assert_eq!(i64::of(-3.0), Some(-3));
        assert_eq!(i64::of(0.5), None);
        assert_eq!(i64::of(f64::NAN), None);
        assert_eq!(i64::of(1e19), None);
        assert_eq!(u64::of(-1.0), None);
        assert_eq!(u64::of(7.0), Some(7));
        assert_eq!(bool::of(1.0), Some(true));
        assert_eq!(bool::of(2.0), None);
        assert_eq!(f64::of(0.5), Some(0.5));
    }

    #[test]
    fn times_are_seconds_of_the_epoch() {
        let hour = Duration::from_secs(3600);
        assert_eq!(SystemTime::of(3600.0), Some(SystemTime::UNIX_EPOCH + hour));
        assert_eq!(SystemTime::of(-3600.0), Some(SystemTime::UNIX_EPOCH - hour));
        assert_eq!(SystemTime::of(f64::INFINITY), None);
        assert_eq!(
            SystemTime::of(-3600.0).and_then(|time| time.number()),
            Some(-3600.0)
        );
        assert_eq!(<Option<SystemTime>>::of(f64::NEG_INFINITY), Some(None));
    }

    #[test]
    fn null_is_none_where_there_may_be_one() {
        assert_eq!(<Option<i64>>::of(f64::NAN), Some(None));
        assert_eq!(<Option<i64>>::of(4.0), Some(Some(4)));
        assert_eq!(<Option<i64>>::of(4.5), None);
        assert_eq!(<Option<f64>>::of(f64::INFINITY), Some(Some(f64::INFINITY)));
        assert_eq!(Some(4_i64).number(), Some(4.0));
        assert_eq!(None::<i64>.number(), None);
    }
}
