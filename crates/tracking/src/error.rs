/// Why something was not logged, cut by what has to be done next. No message holds a password, a token, or the query of
/// an address.
#[derive(Debug, thiserror::Error)]
pub enum TrackingError {
    /// The address, a credential or a name is wrong: mend the config or the environment.
    #[error("{0}")]
    Config(String),
    /// Nobody answers, or not now: try again later. What was asked for may have happened.
    #[error("{place}: {message}")]
    Unreachable {
        /// Where.
        place: String,
        /// What happened.
        message: String,
    },
    /// The server understood, and refuses.
    #[error("{place}: {call}: {status}{}{code}: {message}", if code.is_empty() { "" } else { " " })]
    Refused {
        /// Where.
        place: String,
        /// Method and path.
        call: String,
        /// The HTTP status.
        status: u16,
        /// MLflow's `error_code`; empty where the answer was no JSON.
        code: String,
        /// What the server says.
        message: String,
    },
    /// A version is not approved, and so not promoted.
    #[error("{0}")]
    Gate(String),
    /// The file of the embedded store is not one that this program may write.
    #[error("{0}")]
    Store(String),
    /// A file of the run, or of the embedded store, cannot be read or written.
    #[error(transparent)]
    File(#[from] std::io::Error),
}

impl TrackingError {
    /// Whether the same may succeed later, and may have happened already.
    pub fn passes(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}
