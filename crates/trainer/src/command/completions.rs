//! `trainer completions`: a script that completes the command line in a shell.

use clap::Args;
use clap_complete::Shell;
use serde_json::json;

use super::{Common, Form, FormArgs, command_line};
use crate::console;
use crate::exit::Exit;

/// Arguments of `trainer completions`.
#[derive(Debug, Clone, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
    /// Form of the result.
    #[command(flatten)]
    pub form: FormArgs,
}

/// Runs `trainer completions`.
///
/// # Errors
/// When stdout cannot be written.
pub fn run(args: &CompletionsArgs, _common: &Common) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command_line(), "trainer", &mut script);
    let script = String::from_utf8_lossy(&script);
    match args.form.form {
        Form::Text => console::print(&script)?,
        Form::Json => console::print_json(&json!({ "shell": args.shell.to_string(), "script": script }))?,
    }
    Ok(Exit::Done)
}
