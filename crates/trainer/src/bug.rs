//! A panic is our bug, and no raw panic reaches a user.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};

use crate::console;

/// Makes panics of any thread one message on stderr; but for those of a device's runtime, which come out as errors of the
/// device.
pub fn catch_all() {
    panic::set_hook(Box::new(|info| {
        if trainer_kernels::is_runtime_panic(info) {
            return;
        }
        let backtrace = Backtrace::capture();
        let traced = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
        console::say(&message(&reason(info.payload()), place(info).as_deref(), traced.as_deref()));
    }));
}

/// Runs `work`; a panic, which the hook has told, becomes an error without a known exit code: our bug.
///
/// # Errors
/// Those of `work`, and its panic.
pub fn guard<T>(work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| Err(Panicked(reason(&*payload)).into()))
}

/// A panic that the hook has told of already.
#[derive(Debug, thiserror::Error)]
#[error("internal error (this is a bug): {0}")]
pub struct Panicked(String);

fn reason(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no reason given".into())
}

fn place(info: &PanicHookInfo<'_>) -> Option<String> {
    info.location().map(|at| format!("{}:{}", at.file(), at.line()))
}

fn message(reason: &str, place: Option<&str>, backtrace: Option<&str>) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let at = place.map(|place| format!(" ({place})")).unwrap_or_default();
    let mut text = format!("error: internal error (this is a bug): {reason}{at}\n");
    text += &format!("  hint: please report it to the project, with this text, trainer {version} and the command");
    match backtrace {
        Some(backtrace) => text + "\n" + backtrace,
        None => text + "; RUST_BACKTRACE=1 adds more",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::{Exit, exit_of};

    #[test]
    fn a_panic_becomes_our_bug() {
        let error = guard::<()>(|| panic!("row {} of 2", 3)).unwrap_err();
        assert_eq!(exit_of(&error), Exit::Bug);
        assert_eq!(error.to_string(), "internal error (this is a bug): row 3 of 2");
        assert_eq!(guard(|| Ok(7)).unwrap(), 7);
    }

    #[test]
    fn the_message_says_where_to_go() {
        let text = message("x", Some("a.rs:3"), None);
        assert!(text.starts_with("error: internal error (this is a bug): x (a.rs:3)\n  hint: please report"), "{text}");
        assert!(text.ends_with("RUST_BACKTRACE=1 adds more"));
        assert!(message("x", None, Some("0: main")).ends_with("\n0: main"));
    }
}
