//! When a call is made again. The rules are those of the official client.

use std::time::Duration;

use jiff::Timestamp;

/// How often and how long a call is tried.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retry {
    /// Tries after the first.
    pub max_retries: u32,
    /// Seconds before the first of them; each next waits twice as long.
    pub backoff_factor: f64,
    /// At most so many random seconds more, so that many clients do not come back at once.
    pub jitter: f64,
    /// Whether to wait as long as the server asks.
    pub respect_retry_after: bool,
    /// No try begins later than this after the first began.
    pub limit: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        let limit = Duration::from_secs(300);
        Self { max_retries: 7, backoff_factor: 2.0, jitter: 1.0, respect_retry_after: true, limit }
    }
}

/// Why a try failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// No connection: the server did not see the call.
    NotSent,
    /// The connection ended, or the time, before an answer: it may have happened.
    Lost,
    /// An answer, with the wait that it asks for.
    Status(u16, Option<Duration>),
}

/// Whether a call may be made twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// Twice is the same as once.
    Harmless,
    /// Only when it is certain that it did not happen.
    Unseen,
}

/// No wait is longer, whatever the formula says.
const LONGEST: f64 = 120.0;

impl Retry {
    /// How long to wait before the next try; `None` when there is none. `retries` is the number of tries after the
    /// first so far, `random` lies between 0 and 1.
    pub fn wait(
        &self,
        failure: Failure,
        repeat: Repeat,
        retries: u32,
        spent: Duration,
        random: f64,
    ) -> Option<Duration> {
        let again = match (failure, repeat) {
            (Failure::NotSent | Failure::Status(408 | 429, _), _) => true,
            (Failure::Lost, repeat) => repeat == Repeat::Harmless,
            // A gateway's 503 may come after the server has done it.
            (Failure::Status(status, _), repeat) => passes(status) && repeat == Repeat::Harmless,
        };
        if !again || retries >= self.max_retries {
            return None;
        }
        let asked = match failure {
            Failure::Status(_, asked) if self.respect_retry_after => asked,
            _ => None,
        };
        let wait = asked.unwrap_or_else(|| {
            let doubled = self.backoff_factor * 2f64.powi(retries.min(30) as i32) + self.jitter * random;
            Duration::from_secs_f64(doubled.clamp(0.0, LONGEST))
        });
        (spent + wait <= self.limit).then_some(wait)
    }
}

/// Whether a status stands for a trouble that passes.
pub fn passes(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502 | 503 | 504)
}

/// The wait that `Retry-After` asks for: seconds, or a date.
pub fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let then = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
    Some(Duration::try_from(then.duration_since(now)).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(failure: Failure, repeat: Repeat, retries: u32, spent: u64, random: f64) -> Option<f64> {
        let wait = Retry::default().wait(failure, repeat, retries, Duration::from_secs(spent), random);
        wait.map(|wait| wait.as_secs_f64())
    }

    #[test]
    fn the_rules_on_a_table() {
        use Failure::{Lost, NotSent, Status};
        use Repeat::{Harmless, Unseen};
        let asked = |seconds| Some(Duration::from_secs(seconds));
        let cases = [
            (NotSent, Harmless, 0, 0, Some(2.0)),
            (NotSent, Unseen, 0, 0, Some(2.0)),
            (NotSent, Unseen, 3, 0, Some(16.0)),
            (NotSent, Unseen, 6, 0, Some(120.0)),
            (NotSent, Unseen, 7, 0, None),
            (Lost, Harmless, 1, 0, Some(4.0)),
            (Lost, Unseen, 0, 0, None),
            (Status(408, None), Unseen, 0, 0, Some(2.0)),
            (Status(429, asked(9)), Unseen, 0, 0, Some(9.0)),
            (Status(429, asked(0)), Unseen, 5, 0, Some(0.0)),
            (Status(503, asked(9)), Unseen, 0, 0, None),
            (Status(503, asked(9)), Harmless, 0, 0, Some(9.0)),
            (Status(500, None), Harmless, 0, 0, Some(2.0)),
            (Status(502, None), Harmless, 0, 0, Some(2.0)),
            (Status(504, None), Harmless, 0, 0, Some(2.0)),
            (Status(501, None), Harmless, 0, 0, None),
            (Status(400, None), Harmless, 0, 0, None),
            (Status(401, None), Harmless, 0, 0, None),
            (Status(404, None), Harmless, 0, 0, None),
            (Status(429, asked(3600)), Harmless, 0, 0, None),
            (Lost, Harmless, 0, 298, Some(2.0)),
            (Lost, Harmless, 0, 299, None),
        ];
        for (failure, repeat, retries, spent, expected) in cases {
            let found = seconds(failure, repeat, retries, spent, 0.0);
            assert_eq!(found, expected, "{failure:?} {repeat:?} {retries} {spent}");
        }
        assert_eq!(seconds(NotSent, Harmless, 0, 0, 1.0), Some(3.0));
    }

    #[test]
    fn a_servers_wish_can_be_left_aside() {
        let retry = Retry { respect_retry_after: false, ..Retry::default() };
        let failure = Failure::Status(429, Some(Duration::from_secs(60)));
        assert_eq!(retry.wait(failure, Repeat::Unseen, 0, Duration::ZERO, 0.0), Some(Duration::from_secs(2)));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "2026-11-20T10:00:00Z".parse().unwrap();
        let after = |value| retry_after(value, now).map(|wait| wait.as_secs());
        assert_eq!(after("7"), Some(7));
        assert_eq!(after(" 0 "), Some(0));
        assert_eq!(after("Fri, 20 Nov 2026 10:01:30 GMT"), Some(90));
        assert_eq!(after("Fri, 20 Nov 2026 09:00:00 GMT"), Some(0));
        assert_eq!(after("soon"), None);
        assert_eq!(after("-3"), None);
    }
}
