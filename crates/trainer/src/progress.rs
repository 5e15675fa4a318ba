//! Progress on stderr: bars on a terminal, else a line now and then; and how long each stage took.

use std::io::IsTerminal;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use serde_json::{Map, Value as Json};

/// Without a terminal, at most one line in this time.
const EVERY: Duration = Duration::from_secs(10);

/// A stage that counts nothing, and one that counts.
const SPINNER: &str = "{spinner} {prefix} {elapsed}";
const COUNTER: &str = "{spinner} {prefix} [{bar:40}] {pos} of {len}, {eta} left";
/// A stage that counts bytes: the bar takes what room the words leave.
const BYTES: &str = "{spinner} {prefix} [{wide_bar}] {binary_bytes} of {binary_total_bytes}, {eta} left";

/// The stages of a fit, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Whether the run can be logged is looked up.
    Preflight,
    /// Files are read.
    Read,
    /// Expectations are held against the training rows.
    Expectations,
    /// The feature plan is fitted and applied.
    Features,
    /// Numbers are binned.
    Binning,
    /// The model is fitted.
    Fit,
    /// The folds are fitted.
    CrossValidation,
    /// Metrics, gates, baseline.
    Judge,
    /// The run folder is written.
    Report,
    /// The run is logged.
    Log,
}

impl Stage {
    /// All, in order.
    pub const ALL: [Stage; 10] = [
        Self::Preflight,
        Self::Read,
        Self::Expectations,
        Self::Features,
        Self::Binning,
        Self::Fit,
        Self::CrossValidation,
        Self::Judge,
        Self::Report,
        Self::Log,
    ];

    /// The name in JSON and on screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::Preflight => "preflight",
            Self::Read => "read",
            Self::Expectations => "expectations",
            Self::Features => "features",
            Self::Binning => "binning",
            Self::Fit => "fit",
            Self::CrossValidation => "cross_validation",
            Self::Judge => "judge",
            Self::Report => "report",
            Self::Log => "log",
        }
    }
}

/// Time since some start; injected by tests.
pub type Clock = Box<dyn Fn() -> Duration + Send + Sync>;

/// What is being done, told to stderr. One stage at a time; any thread may count within it.
pub struct Progress {
    shared: Arc<Shared>,
    ticker: Option<JoinHandle<()>>,
}

struct Shared {
    clock: Clock,
    /// Where lines go.
    line: Box<dyn Fn(&str) + Send + Sync>,
    state: Mutex<State>,
    ended: Condvar,
}

struct State {
    stage: Option<Stage>,
    entered: Duration,
    spent: [Duration; Stage::ALL.len()],
    counter: Option<(u64, u64)>,
    /// Whether bytes are counted.
    bytes: bool,
    last_line: Duration,
    bar: Option<ProgressBar>,
    ended: bool,
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Face {
    /// Not at all.
    None,
    /// Lines.
    Lines,
    /// A bar that is drawn again and again.
    Bar,
}

impl Face {
    /// What stderr takes.
    pub fn of_stderr(quiet: bool) -> Self {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        match (quiet, std::io::stderr().is_terminal() && !dumb) {
            (true, _) => Self::None,
            (false, true) => Self::Bar,
            (false, false) => Self::Lines,
        }
    }
}

impl Progress {
    /// Begins; the clock runs from here.
    pub fn new(face: Face) -> Self {
        let start = Instant::now();
        let mut progress = Self::with(face, Box::new(move || start.elapsed()), Box::new(crate::console::say));
        if face == Face::Lines {
            // A long stage that counts nothing speaks up too.
            let shared = Arc::clone(&progress.shared);
            progress.ticker = std::thread::Builder::new().name("progress".into()).spawn(move || shared.tick()).ok();
        }
        progress
    }

    fn with(face: Face, clock: Clock, line: Box<dyn Fn(&str) + Send + Sync>) -> Self {
        let line = if face == Face::Lines { line } else { Box::new(|_: &str| {}) };
        let bar = (face == Face::Bar).then(|| ProgressBar::new_spinner().with_style(style(SPINNER)));
        let state = State {
            stage: None,
            entered: clock(),
            spent: [Duration::ZERO; Stage::ALL.len()],
            counter: None,
            bytes: false,
            last_line: clock(),
            bar,
            ended: false,
        };
        let shared = Shared { clock, line, state: Mutex::new(state), ended: Condvar::new() };
        Self { shared: Arc::new(shared), ticker: None }
    }

    /// Ends the stage that runs, if one does, and begins another. A stage may be entered again: its time adds up.
    pub fn enter(&self, stage: Stage) {
        let now = (self.shared.clock)();
        let mut state = self.shared.lock();
        if state.stage == Some(stage) {
            return;
        }
        state.leave(now);
        state.stage = Some(stage);
        state.show_stage(stage);
        drop(state);
        self.shared.speak(now);
    }

    /// Tells something beside the bar.
    pub fn note(&self, text: &str) {
        let text = format!("note: {text}");
        match &self.shared.lock().bar {
            Some(bar) => bar.println(text),
            None => (self.shared.line)(&text),
        }
    }

    /// Says how far the stage has come.
    pub fn count(&self, done: u64, total: u64) {
        self.shared.count(done, total, false);
    }

    /// Says how many bytes the stage has come to.
    pub fn bytes(&self, done: u64, total: u64) {
        self.shared.count(done, total, true);
    }

    /// Says beside the bar what the stage is at.
    pub fn doing(&self, what: &str) {
        self.shared.doing(what);
    }

    /// For those who count and may outlive the one who watches.
    pub fn teller(&self) -> Teller {
        Teller(Arc::clone(&self.shared))
    }

    /// Ends the stage that runs and takes the bar off the screen.
    pub fn finish(&self) {
        let now = (self.shared.clock)();
        let mut state = self.shared.lock();
        state.leave(now);
        state.stage = None;
        if let Some(bar) = state.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// Seconds spent in each stage so far.
    pub fn seconds(&self) -> Vec<(Stage, f64)> {
        let now = (self.shared.clock)();
        let state = self.shared.lock();
        let running =
            |stage| if state.stage == Some(stage) { now.saturating_sub(state.entered) } else { Duration::ZERO };
        Stage::ALL.iter().map(|&stage| (stage, (state.spent[stage as usize] + running(stage)).as_secs_f64())).collect()
    }

    /// `{"read": 0.012, ...}`: every stage, to the millisecond.
    pub fn seconds_json(&self) -> Json {
        let rounded = |seconds: f64| Json::from((seconds * 1e3).round() / 1e3);
        let map: Map<String, Json> =
            self.seconds().into_iter().map(|(stage, seconds)| (stage.name().to_owned(), rounded(seconds))).collect();
        Json::Object(map)
    }
}

/// Counts within the stage that runs.
#[derive(Clone)]
pub struct Teller(Arc<Shared>);

impl Teller {
    /// As [`Progress::bytes`].
    pub fn bytes(&self, done: u64, total: u64) {
        self.0.count(done, total, true);
    }

    /// As [`Progress::doing`].
    pub fn doing(&self, what: &str) {
        self.0.doing(what);
    }
}

impl std::fmt::Debug for Teller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Teller")
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
        self.shared.lock().ended = true;
        self.shared.ended.notify_all();
        if let Some(ticker) = self.ticker.take() {
            let _ = ticker.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere is told by its own message.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, done: u64, total: u64, bytes: bool) {
        let now = (self.clock)();
        let mut state = self.lock();
        // Threads overtake each other: the counter never goes back, unless it starts again.
        let before = state.counter.filter(|&(_, same)| same == total && done > 0).map_or(0, |(before, _)| before);
        state.counter = Some((done.max(before), total));
        state.bytes = bytes;
        state.show_counter(done.max(before), total);
        drop(state);
        self.speak(now);
    }

    fn doing(&self, what: &str) {
        let state = self.lock();
        if let (Some(bar), Some(stage)) = (&state.bar, state.stage) {
            bar.set_prefix(format!("{}: {what}", stage.name()));
        }
    }

    /// A line, when it is time for one.
    fn speak(&self, now: Duration) {
        let mut state = self.lock();
        let Some(stage) = state.stage else { return };
        if now.saturating_sub(state.last_line) < EVERY {
            return;
        }
        state.last_line = now;
        let text = line(stage, now.saturating_sub(state.entered), state.counter, state.bytes);
        drop(state);
        (self.line)(&text);
    }

    fn tick(&self) {
        let mut state = self.lock();
        while !state.ended {
            let waited = self.ended.wait_timeout(state, Duration::from_secs(1));
            drop(waited.unwrap_or_else(PoisonError::into_inner).0);
            self.speak((self.clock)());
            state = self.lock();
        }
    }
}

impl State {
    fn leave(&mut self, now: Duration) {
        if let Some(stage) = self.stage {
            self.spent[stage as usize] += now.saturating_sub(self.entered);
        }
        self.entered = now;
        self.counter = None;
    }

    fn show_stage(&self, stage: Stage) {
        let Some(bar) = &self.bar else { return };
        bar.reset();
        bar.unset_length();
        bar.set_style(style(SPINNER));
        bar.set_prefix(stage.name());
        bar.enable_steady_tick(Duration::from_millis(100));
    }

    fn show_counter(&self, done: u64, total: u64) {
        let Some(bar) = &self.bar else { return };
        if bar.length() != Some(total) {
            bar.set_length(total);
            bar.set_style(style(if self.bytes { BYTES } else { COUNTER }));
        }
        if done == 0 {
            // What is counted once more is not as far as it was.
            bar.reset();
        }
        bar.set_position(done);
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ")
}

/// `fit: 120 of 200 after 30 s, about 20 s left`.
fn line(stage: Stage, elapsed: Duration, counter: Option<(u64, u64)>, bytes: bool) -> String {
    let name = stage.name();
    let after = spoken(elapsed);
    let shown = |count: u64| if bytes { HumanBytes(count).to_string() } else { count.to_string() };
    match counter {
        Some((done, total)) if done > 0 && total > done => {
            let left = elapsed.mul_f64((total - done) as f64 / done as f64);
            format!("{name}: {} of {} after {after}, about {} left", shown(done), shown(total), spoken(left))
        }
        Some((done, total)) => format!("{name}: {} of {} after {after}", shown(done), shown(total)),
        None => format!("{name}: {after}"),
    }
}

fn spoken(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// A progress whose clock is set by hand and whose lines are kept.
    struct Bench {
        progress: Progress,
        seconds: Arc<AtomicU64>,
        lines: Arc<Mutex<Vec<String>>>,
    }

    impl Bench {
        fn new(face: Face) -> Self {
            let seconds = Arc::new(AtomicU64::new(0));
            let lines: Arc<Mutex<Vec<String>>> = Arc::default();
            let (hand, kept) = (Arc::clone(&seconds), Arc::clone(&lines));
            let clock = Box::new(move || Duration::from_secs(hand.load(Ordering::Relaxed)));
            let line = Box::new(move |text: &str| kept.lock().unwrap().push(text.to_owned()));
            Self { progress: Progress::with(face, clock, line), seconds, lines }
        }

        fn at(&self, seconds: u64) -> &Progress {
            self.seconds.store(seconds, Ordering::Relaxed);
            &self.progress
        }

        fn lines(&self) -> Vec<String> {
            self.lines.lock().unwrap().clone()
        }
    }

    #[test]
    fn lines_come_at_most_every_ten_seconds() {
        let bench = Bench::new(Face::Lines);
        bench.at(0).enter(Stage::Read);
        bench.at(4).enter(Stage::Fit);
        for second in 4..=34 {
            bench.at(second).count(second - 4, 60);
        }
        let want = [
            "fit: 6 of 60 after 6 s, about 54 s left",
            "fit: 16 of 60 after 16 s, about 44 s left",
            "fit: 26 of 60 after 26 s, about 34 s left",
        ];
        assert_eq!(bench.lines(), want);
    }

    #[test]
    fn a_stage_without_a_counter_is_heard_too() {
        let bench = Bench::new(Face::Lines);
        bench.at(0).enter(Stage::Read);
        bench.at(75);
        bench.progress.shared.speak(Duration::from_secs(75));
        assert_eq!(bench.lines(), ["read: 1 min 15 s"]);
    }

    #[test]
    fn quick_runs_and_quiet_ones_say_nothing() {
        let bench = Bench::new(Face::Lines);
        bench.at(0).enter(Stage::Read);
        bench.at(9).enter(Stage::Report);
        assert!(bench.lines().is_empty());
        let quiet = Bench::new(Face::None);
        quiet.at(0).enter(Stage::Read);
        quiet.at(500).count(1, 2);
        assert!(quiet.lines().is_empty());
    }

    #[test]
    fn seconds_add_up_by_stage() {
        let bench = Bench::new(Face::None);
        bench.at(0).enter(Stage::Read);
        bench.at(3).enter(Stage::Binning);
        bench.at(5).enter(Stage::Fit);
        bench.at(11).enter(Stage::Binning);
        bench.at(12).finish();
        bench.at(50);
        let json = bench.progress.seconds_json();
        let spent = [("read", 3.0), ("binning", 3.0), ("fit", 6.0)];
        let of =
            |stage: &Stage| spent.iter().find(|(name, _)| *name == stage.name()).map_or(0.0, |(_, seconds)| *seconds);
        let expected: Vec<(&str, f64)> = Stage::ALL.iter().map(|stage| (stage.name(), of(stage))).collect();
        let found = json.as_object().unwrap().iter().map(|(name, seconds)| (name.as_str(), seconds.as_f64().unwrap()));
        assert_eq!(found.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_counter_never_goes_back() {
        let bench = Bench::new(Face::Lines);
        bench.at(0).enter(Stage::Fit);
        bench.at(1).count(30, 60);
        bench.at(10).count(29, 60);
        assert_eq!(bench.lines(), ["fit: 30 of 60 after 10 s, about 10 s left"]);
    }

    #[test]
    fn the_ticker_ends_with_the_progress() {
        let progress = Progress::new(Face::Lines);
        progress.enter(Stage::Read);
        let started = Instant::now();
        drop(progress);
        assert!(started.elapsed() < Duration::from_secs(1));
    }
}
