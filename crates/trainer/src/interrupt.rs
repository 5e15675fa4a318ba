//! SIGINT and SIGTERM: the first asks for the end, which whoever works polls for; the second ends the program at once.

use std::io::{Read, Write};
use std::ops::ControlFlow;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{flag, low_level};

use crate::exit::Exit;

/// How long the program may take to end by itself; then it is ended. Kubernetes and spot instances allow 30 s.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is said when the program ends at once all the same.
static LAST_WORDS: Mutex<Option<String>> = Mutex::new(None);

/// Sets what somebody must know who finds that the program was ended before its end.
pub fn last_words(text: String) {
    *LAST_WORDS.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
}

/// The signal that asked for the end, 0 before.
static ASKED: LazyLock<Arc<AtomicUsize>> = LazyLock::new(Arc::default);

/// The end that a signal asked for. Nothing was left half done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stopped by {}", self.name())]
pub struct Stopped {
    signal: i32,
}

impl Stopped {
    /// 130 or 143.
    pub fn exit(self) -> Exit {
        if self.signal == SIGINT { Exit::Interrupted } else { Exit::Terminated }
    }

    fn name(self) -> &'static str {
        if self.signal == SIGINT { "SIGINT (Ctrl-C)" } else { "SIGTERM" }
    }
}

/// Listens from now on; called again it does nothing. For commands that poll: the others end at the first signal, as
/// every program does.
///
/// # Errors
/// When the system refuses.
pub fn listen() -> std::io::Result<()> {
    static LISTENING: AtomicBool = AtomicBool::new(false);
    if LISTENING.swap(true, Ordering::Relaxed) {
        return Ok(());
    }
    let (mut wake, woken) = UnixStream::pair()?;
    wake.set_nonblocking(true)?;
    let armed = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        let status = Stopped { signal }.exit() as i32;
        // In this order: a signal that finds the flag set by an earlier one ends the program.
        flag::register_conditional_shutdown(signal, status, Arc::clone(&armed))?;
        flag::register(signal, Arc::clone(&armed))?;
        flag::register_usize(signal, Arc::clone(&ASKED), signal.unsigned_abs() as usize)?;
        low_level::pipe::register(signal, wake.try_clone()?)?;
    }
    // The thread lives as long as the program: it waits for a signal, and then for the end.
    std::thread::Builder::new().name("signals".into()).spawn(move || watch(woken, PATIENCE))?;
    wake.flush()
}

fn watch(mut woken: UnixStream, patience: Duration) {
    if woken.read(&mut [0]).is_ok_and(|bytes| bytes > 0) {
        let name = stopped().map_or("a signal", Stopped::name);
        crate::console::say(&format!("{name}: ending; again ends at once"));
        std::thread::sleep(patience);
        crate::console::say(&format!("not ended within {} s: ending at once", patience.as_secs()));
        if let Some(text) = LAST_WORDS.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            crate::console::say(text);
        }
        std::process::exit(stopped().map_or(Exit::Bug, Stopped::exit) as i32);
    }
}

/// Whether a signal has asked for the end.
pub fn stopped() -> Option<Stopped> {
    match ASKED.load(Ordering::Relaxed) {
        0 => None,
        signal => Some(Stopped { signal: i32::try_from(signal).unwrap_or(SIGTERM) }),
    }
}

/// For loops that report their rounds: `Break` when a signal has asked for the end.
pub fn poll() -> ControlFlow<()> {
    if stopped().is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// Between stages, and before anything gets its final name.
///
/// # Errors
/// When a signal has asked for the end.
pub fn check() -> Result<(), Stopped> {
    stopped().map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_signal_has_its_code() {
        assert_eq!(Stopped { signal: SIGINT }.exit() as i32, 128 + SIGINT);
        assert_eq!(Stopped { signal: SIGTERM }.exit() as i32, 128 + SIGTERM);
        assert_eq!(Stopped { signal: SIGTERM }.to_string(), "stopped by SIGTERM");
    }
}
