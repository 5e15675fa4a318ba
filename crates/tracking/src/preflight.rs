use crate::TrackingError;
use crate::limits::{alias_problem, experiment_name_problem, registered_name_problem};
use crate::publish::{find_experiment, find_resumed};
use crate::record::Experiment;
use crate::store::Store;

type Result<T> = std::result::Result<T, TrackingError>;

/// What a run will need of a store.
#[derive(Debug, Clone, Copy)]
pub struct Needs<'a> {
    /// Where the run belongs.
    pub experiment: &'a Experiment,
    /// A run to go on with.
    pub resume: Option<&'a str>,
    /// The registered model.
    pub model: Option<&'a str>,
    /// The alias to point at its version.
    pub alias: Option<&'a str>,
}

/// Finds in a few calls, before anything is trained, what would stop the run from being logged. Nothing is logged.
/// What comes back is worth a note.
///
/// # Errors
/// [`TrackingError::Config`] for what has to be mended, [`TrackingError::Unreachable`] when nobody answers now.
pub fn preflight(
    store: &mut dyn Store,
    registry: Option<&mut (dyn Store + 'static)>,
    needs: &Needs<'_>,
) -> Result<Vec<String>> {
    let mut notes = Vec::new();
    let wrong = |problem: Option<String>| problem.map_or(Ok(()), |problem| Err(TrackingError::Config(problem)));
    wrong(needs.model.and_then(registered_name_problem))?;
    wrong(needs.alias.and_then(alias_problem))?;
    if let Experiment::Name(name) = needs.experiment {
        wrong(experiment_name_problem(name))?;
    }
    let experiment = find_experiment(store, needs.experiment)?;
    if let Some(id) = needs.resume {
        let run = find_resumed(store, id)?;
        if let Some(experiment) = experiment.filter(|experiment| experiment.id != run.info.experiment_id) {
            notes.push(format!(
                "run {id} is of experiment {}, and stays there: not of `{}`",
                run.info.experiment_id, experiment.name
            ));
        }
    }
    if let Some(model) = needs.model {
        // The registry may be elsewhere, or be closed to this user.
        match registry {
            Some(registry) => registry.registered_model(model)?,
            None => store.registered_model(model)?,
        };
    }
    Ok(notes)
}
