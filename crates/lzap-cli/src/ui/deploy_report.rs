//! The end of a deploy: the request of the live URL, and the report.

use std::time::Instant;

use lzap_aws::Touch;
use lzap_core::ids::VersionNumber;
use lzap_core::resource::alias::Canary;
use lzap_core::settings::Settings;
use serde_json::{Value, json};

use crate::commands::Converged;
use crate::context::Target;
use crate::error::CliError;
use crate::ui::printer::Printer;
use crate::ui::{report, text};

/// The number of lines of the function's log that an error shows.
const LOG_LINES: usize = 20;

/// A deploy that has ended: the stage is in its desired state.
pub(crate) struct DeployReport<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) target: &'a Target,
    /// The start of the deploy, for the time that it took.
    pub(crate) started: Instant,
    pub(crate) converged: Converged,
}

impl DeployReport<'_> {
    /// Returns the live URL: the one that the plan created, else the observed one; `None` without a front.
    fn url(&self) -> Option<&str> {
        let Converged { observed, applied, .. } = &self.converged;
        applied.endpoint().or(observed.url(self.settings.front))
    }

    /// Returns the live version: the one that the plan published, else the observed one.
    fn version(&self) -> Option<&VersionNumber> {
        let Converged { observed, applied, .. } = &self.converged;
        let observed = observed.alias.as_ref().map(|alias| &alias.version);
        applied.version().or(observed)
    }

    /// Returns the version that gets a share of the requests, while a canary runs.
    fn canary(&self) -> Option<&Canary> {
        let Converged { observed, applied, .. } = &self.converged;
        let observed = observed.alias.as_ref().and_then(|alias| alias.canary.as_ref());
        applied.canary().or(observed)
    }

    /// Requests the live URL once, after a plan that changed something. An app that can't be reached is only
    /// a warning, because this machine's network may be the cause.
    ///
    /// # Errors
    /// It answered with a 5xx status; the error has the function's last log lines, which are one more read.
    pub(crate) async fn request_url(&self, printer: Printer) -> Result<(), CliError> {
        let Self { settings, target, .. } = self;
        // A plan without changes has left the app as it was.
        let Some(url) = self.url().filter(|_| !self.converged.plan.is_empty()) else {
            return Ok(());
        };
        // A front of this deploy may still be on its way to all of AWS's servers.
        let is_new = self.converged.applied.endpoint().is_some();
        let (clients, path) = (&target.clients, &settings.touch_path);
        let response = if is_new {
            lzap_aws::touch_new(clients, url, path).await
        } else {
            lzap_aws::touch(clients, url, path).await
        };
        match response {
            Touch::Answered(status) => {
                printer.print_status("Touched", format_args!("{} answered {status}", settings.touch_path));
                Ok(())
            }
            Touch::Refused(status) => {
                printer.print_warning(format_args!("{url} answered {status}, and not through the app"));
                Ok(())
            }
            Touch::Unreachable(reason) => {
                printer.print_warning(format_args!("{url} could not be reached: {reason}"));
                Ok(())
            }
            Touch::ServerError(status) => Err(CliError::Touch {
                url: format!("{url}{}", settings.touch_path),
                status,
                stage: settings.stage.clone(),
                log: self.read_log().await,
            }),
        }
    }

    /// Returns the last lines of the live version's log: those of an older version would explain another failure.
    async fn read_log(&self) -> Vec<String> {
        let Target { clients, names } = self.target;
        match self.version() {
            Some(version) => lzap_aws::last_log_lines(clients, names, version, LOG_LINES).await,
            None => Vec::new(),
        }
    }

    /// Prints the URL, and returns the JSON document.
    pub(crate) fn print_result(&self, printer: Printer) -> Value {
        let names = &self.target.names;
        let version = self.version().map_or("?", VersionNumber::as_str);
        let verb = if self.converged.plan.is_empty() { "Unchanged" } else { "Deployed" };
        let took = text::format_seconds(self.started.elapsed());
        let canary = self.canary().map(|canary| format!("; {}", text::describe_canary(canary)));
        let canary = canary.unwrap_or_default();
        printer
            .print_status(verb, format_args!("{} (version {version}{canary}) in {took}", names.function()));
        if let Some(url) = self.url() {
            printer.print_data(format_args!("{url}\n"));
        }
        report::add_fields(report::place_fields(names), self.details())
    }

    /// Returns the fields of the JSON document that only a deploy has. `aws_calls` counts those of the whole
    /// command.
    fn details(&self) -> Value {
        let names = &self.target.names;
        let Converged { plan, built, applied_in, .. } = &self.converged;
        let artifact = &built.artifact;
        json!({
            "url": self.url(),
            "function": report::function_fields(names, self.version()),
            "canary": self.canary().map(report::canary_fields),
            "artifact": {
                "bucket": names.bucket(),
                "key": names.artifact_key(&artifact.sha256),
                "sha256": artifact.sha256,
                "bytes": artifact.bytes,
                "architecture": artifact.architecture.as_str(),
            },
            "changes": report::changes_to_json(plan),
            "seconds": {
                "build": report::round_seconds(built.build),
                "package": report::round_seconds(built.package),
                "apply": report::round_seconds(*applied_in),
                "total": report::round_seconds(self.started.elapsed()),
            },
            "aws_calls": self.target.clients.calls(),
        })
    }
}
