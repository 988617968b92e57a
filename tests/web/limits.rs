//! Odd, hostile and many requests: what each gets, and that nobody else notices.
