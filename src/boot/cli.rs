//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use super::node::BootError;
use super::output::{line, note};
use super::{command, demo, serve};
use crate::config::{Config, Layers, LogFormat, show, show_json};
use crate::domain::chain::chain;
use crate::telemetry;

/// A dedicated identity provider and policy decision point.
#[derive(Parser)]
#[command(
    version,
    propagate_version = true,
    after_help = "\
Examples:
  doorward                                   serve with the defaults: SQLite under data/, keys under keys/
  doorward demo                              a small world to try, with curl lines to paste
  doorward config show                       every setting as it applies, and where it comes from
  doorward resource-server create notes --identifier https://notes.example/api --permission read:note
  doorward role create notes viewer --permission read:note
  doorward user create alice --name 'Alice Ames'
  doorward assign add user:alice --resource-server notes --role viewer
  doorward client create notes-api --resource-server notes --decision-caller
  doorward authz test authz/notes            decision tests of a folder, without a database
  doorward authz apply authz/notes           make roles, model and policies what the folder says

Every setting is also an environment variable: server.listen is DOORWARD_SERVER_LISTEN.
Commands work on the database directly, also beside a running server, which follows within a second."
)]
struct Cli {
    /// A TOML file over the defaults.
    #[arg(long, global = true, env = crate::config::CONFIG_FILE_VARIABLE, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print results as JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the service (the default).
    Serve,
    /// Run a small, fresh world to try, and print how.
    Demo(demo::DemoArgs),
    /// Check or show the configuration.
    Config(ConfigArgs),
    #[command(flatten)]
    Admin(command::AdminCommand),
}

#[derive(Args)]
struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Say whether the configuration is right, and everything that is wrong with it.
    Check,
    /// Print every setting as it applies, with where it comes from; secrets masked.
    Show,
}

/// The whole program.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    // The one crypto library for TLS; an error means that one is installed already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            note(&format!("doorward: {}", chain(error.as_ref())));
            ExitCode::FAILURE
        }
    }
}

/// Threads beside those of the runtime itself, for calls that block. Each takes memory, and without a bound a load makes one
/// for all calls of a moment. Whoever blocks in place finds no thread for his other tasks then, and has them back at once.
const BLOCKING_THREADS_MAX: usize = 4;

fn run(cli: Cli) -> Result<(), BootError> {
    let layers = Layers::load(cli.config.as_deref(), std::env::vars())?;
    if let Some(Command::Config(args)) = &cli.command {
        return config(&args.command, &layers, cli.json);
    }
    let layers = match &cli.command {
        Some(Command::Demo(args)) => demo::layers(layers, args),
        _ => layers,
    };
    let config = Config::load(&layers)?;
    let serving = matches!(cli.command, None | Some(Command::Serve | Command::Demo(_)));
    telemetry::start(format(config.log.format), if serving { &config.log.level } else { "warn" });
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.enable_all().max_blocking_threads(BLOCKING_THREADS_MAX).build()?;
    runtime.block_on(async {
        // In a task, as all work that holds transactions is.
        let task = tokio::spawn(async move {
            match cli.command {
                None | Some(Command::Serve) => serve::run(&config).await,
                Some(Command::Demo(args)) => demo::run(&config, &args).await,
                Some(Command::Admin(command)) => command::run(&config, command, cli.json).await,
                Some(Command::Config(_)) => Ok(()),
            }
        });
        task.await?
    })
}

fn config(command: &ConfigCommand, layers: &Layers, json: bool) -> Result<(), BootError> {
    Config::load(layers)?;
    match command {
        ConfigCommand::Check if json => line("{\"ok\":true}"),
        ConfigCommand::Check => line("The configuration is right."),
        ConfigCommand::Show if json => line(&show_json(layers).to_string()),
        ConfigCommand::Show => line(show(layers).trim_end()),
    }
    Ok(())
}

const fn format(format: LogFormat) -> telemetry::Format {
    match format {
        LogFormat::Auto => telemetry::Format::Auto,
        LogFormat::Human => telemetry::Format::Human,
        LogFormat::Json => telemetry::Format::Json,
    }
}
