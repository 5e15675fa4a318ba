//! The embedded store, and what MLflow's own client makes of it.

mod again;
mod alias;
mod browser;
mod crash;
mod crowd;
mod official;
mod refusal;
mod rules;
mod sample;
mod tables;
