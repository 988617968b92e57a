//! Whether a session is as it was left: in no transaction but one of ours.
//!
//! The server says what it has done, command by command, and with each sign that it waits for the next statement whether it is in a
//! transaction. One is *ours* from a `BEGIN` that comes first after such a sign until a `ROLLBACK` that does. Any other beginning or
//! end is the doing of a statement that is more than one, or of whoever is between us and the server.

/// Follows them.
#[derive(Debug, Default)]
pub(super) struct Transactions {
    /// Whether one of ours is open.
    is_ours: bool,
    /// Whether a command was done since the server last waited for one.
    has_done: bool,
    offence: Option<&'static str>,
}

const ENDED: &str = "the statement has ended the transaction that it ran in; what it has set may have stayed, so its \
                     connection is given up";
const BEGUN: &str = "the statement has left its connection in a transaction; the connection is given up";

impl Transactions {
    /// The server has done a command: the beginning of what it calls it.
    pub(super) fn done(&mut self, tag: &[u8]) {
        let word = tag
            .split(|byte| matches!(byte, b' ' | 0))
            .next()
            .unwrap_or_default();
        let is_first = !self.has_done;
        self.has_done = true;
        match word {
            b"BEGIN" | b"START" if is_first && !self.is_ours => self.is_ours = true,
            b"ROLLBACK" if is_first => self.is_ours = false,
            b"BEGIN" | b"START" => self.offend(BEGUN),
            b"ROLLBACK" | b"COMMIT" => self.offend(ENDED),
            _ => {}
        }
    }

    /// The server waits for the next statement, in a transaction or not: what is wrong with that.
    pub(super) fn ready(&mut self, status: u8) -> Option<&'static str> {
        let is_in_one = status != b'I';
        match (self.is_ours, is_in_one) {
            (true, false) => self.offend(ENDED),
            (false, true) => self.offend(BEGUN),
            _ => {}
        }
        self.has_done = false;
        self.is_ours = is_in_one;
        self.offence.take()
    }

    fn offend(&mut self, what: &'static str) {
        self.offence.get_or_insert(what);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cycles of commands, each ended by its status; whether something was wrong with each.
    fn offences(cycles: &[(&[&str], u8)]) -> Vec<bool> {
        let mut transactions = Transactions::default();
        let one = |(commands, status): &(&[&str], u8)| {
            for command in *commands {
                transactions.done(format!("{command}\0").as_bytes());
            }
            transactions.ready(*status).is_some()
        };
        cycles.iter().map(one).collect()
    }

    #[test]
    fn transactions_of_ours_are_no_offence() {
        let cycles: &[(&[&str], u8)] = &[
            (&["SELECT 1"], b'I'),
            (&["SET", "SET"], b'I'),
            (&["BEGIN", "SET", "SELECT 1"], b'T'),
            (&["SELECT 5"], b'T'),
            (&["ROLLBACK", "SELECT 1"], b'I'),
            // One that failed.
            (&["BEGIN", "SET"], b'T'),
            (&[], b'E'),
            (&["ROLLBACK", "SELECT 1"], b'I'),
            // One whose beginning failed.
            (&["BEGIN"], b'E'),
            (&[], b'E'),
            (&["ROLLBACK", "SELECT 1"], b'I'),
            (&["SHOW"], b'I'),
            (&[], b'I'),
        ];
        assert_eq!(offences(cycles), vec![false; cycles.len()]);
    }

    #[test]
    fn what_a_statement_begins_or_ends_is_one() {
        const BEGIN: (&[&str], u8) = (&["BEGIN", "SET"], b'T');
        const END: (&[&str], u8) = (&["ROLLBACK"], b'I');
        let tries: [&[(&[&str], u8)]; 8] = [
            &[(&["SELECT 1", "BEGIN"], b'T')],
            &[(&["SELECT 1"], b'T')],
            &[(&["SELECT 1", "COMMIT"], b'I')],
            &[(&["SELECT 1", "BEGIN", "ROLLBACK"], b'I')],
            &[BEGIN, (&["SELECT 1", "COMMIT"], b'I'), END],
            &[BEGIN, (&["SELECT 1", "ROLLBACK", "BEGIN"], b'T'), END],
            &[BEGIN, (&["SELECT 1", "COMMIT", "BEGIN", "SELECT 1"], b'T'), END],
            &[BEGIN, (&["SELECT 1"], b'I'), END],
        ];
        for cycles in tries {
            let found = offences(cycles);
            assert_eq!(
                found.iter().filter(|offence| **offence).count(),
                1,
                "{cycles:?}: {found:?}"
            );
        }
    }
}
