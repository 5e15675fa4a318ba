use trainer_data::Fault;

/// Why a plan could not be made or applied, cut by who must act.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FeatureError {
    /// The configuration asks for what the data does not have: a column that is not there, text where numbers are needed.
    #[error("{0}")]
    Config(Box<Fault>),
    /// The data cannot be used for what was asked: infinities, no feature left, another type than in training.
    #[error("{0}")]
    Data(Box<Fault>),
    /// The saved plan is damaged, or of a version that this program does not read.
    #[error("{0}")]
    Plan(Box<Fault>),
    /// A step of the plan has no ONNX form: another step, or another format must do.
    #[error("{0}")]
    Onnx(Box<Fault>),
    /// The device that was to compute the columns is lost, or too small: another one must do.
    #[error("{0}")]
    Device(Box<Fault>),
}

impl FeatureError {
    /// Where and what.
    pub fn fault(&self) -> &Fault {
        match self {
            Self::Config(fault) | Self::Data(fault) | Self::Plan(fault) | Self::Onnx(fault) | Self::Device(fault) => {
                fault
            }
        }
    }

    /// Stable name of the kind of fault, such as `unknown_column`.
    pub fn code(&self) -> &'static str {
        self.fault().code
    }

    /// The same of rows that come after so many others.
    pub(crate) fn after(mut self, rows: u64) -> Self {
        let (Self::Config(fault) | Self::Data(fault) | Self::Plan(fault) | Self::Onnx(fault) | Self::Device(fault)) =
            &mut self;
        fault.row = fault.row.map(|row| row + rows);
        self
    }

    pub(crate) fn config(fault: Fault) -> Self {
        Self::Config(Box::new(fault))
    }

    pub(crate) fn data(fault: Fault) -> Self {
        Self::Data(Box::new(fault))
    }

    pub(crate) fn plan(fault: Fault) -> Self {
        Self::Plan(Box::new(fault))
    }

    pub(crate) fn onnx(fault: Fault) -> Self {
        Self::Onnx(Box::new(fault))
    }

    pub(crate) fn device(fault: Fault) -> Self {
        Self::Device(Box::new(fault))
    }
}

/// The known name that is nearest to a wrong one, if any is near: few letters apart, or with a like beginning.
pub(crate) fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.to_lowercase();
    let letters = wrong.chars().count().max(3);
    let likeness = |name: &str| {
        let name = name.to_lowercase();
        let few = strsim::damerau_levenshtein(&wrong, &name) * 3 <= letters;
        strsim::jaro_winkler(&wrong, &name) + f64::from(u8::from(few))
    };
    known
        .into_iter()
        .map(|name| (likeness(name), name))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// At most eight names, and how many more there are.
pub(crate) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.into_iter().collect();
    let shown = names.iter().take(8).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if names.len() > 8 { format!("{shown} and {} more", names.len() - 8) } else { shown }
}

/// A column that was asked for and is not among `known`.
pub(crate) fn unknown_column<'a>(asked: &str, known: impl IntoIterator<Item = &'a str>) -> Fault {
    let known: Vec<&str> = known.into_iter().collect();
    let fault = Fault::new("unknown_column", "expected a column of that name, found none").column(asked);
    match nearest(asked, known.iter().copied()) {
        Some(near) => fault.hint(format!("did you mean `{near}`?")),
        None => fault.hint(format!("the columns are {}", listed(known))),
    }
}
