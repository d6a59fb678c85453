//! Progress: one line that is drawn over itself on a terminal, and nothing elsewhere.
//!
//! Everything that should stay on the screen is a status line of the printer; what is shown here is gone
//! afterwards.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use lzap_core::event::Event;
use lzap_core::plan::Plan;
use lzap_core::resource::Operation;
use lzap_core::resource::artifact::ArtifactOperation;
use lzap_core::step::StepId;

use crate::ui::printer::Printer;
use crate::ui::text::format_bytes;

/// The progress line. Dropping it clears it, so it lives exactly as long as the work that it shows.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Returns a line, where the printer's stream is a terminal; elsewhere one that never shows.
    pub(crate) fn new(printer: Printer) -> Self {
        if !printer.draws_progress() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::new_spinner();
        // Of a fixed width, so that the `^C` a terminal echoes stays on the line that is cleared.
        let style = ProgressStyle::with_template("{prefix:>12.green.bold} {msg:60!}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }

    /// Changes the text of the line.
    pub(crate) fn show_activity(&self, verb: &'static str, text: impl Into<String>) {
        self.0.set_prefix(verb);
        self.0.set_message(text.into());
    }

    /// Shows the step of `plan` that the event is about. Steps run at the same time, so the line shows the
    /// one that reported last.
    pub(crate) fn show_event(&self, plan: &Plan, event: &Event) {
        let (step, text) = match event {
            Event::StepStarted(step) => (*step, None),
            Event::StepWaiting { step, reason, elapsed } => {
                (*step, Some(format!("waiting {reason} ({} s)", elapsed.as_secs())))
            }
            Event::Uploaded { step, bytes: up } => (*step, Some(Self::format_upload(plan, *step, *up))),
            Event::StepDone(_) => return,
        };
        let Some(step) = plan.steps.get(step.0) else { return };
        let resource = &step.target.resource;
        let what = format!("{} {}", resource.kind.name, resource.name);
        self.show_activity(
            "Applying",
            match text {
                Some(text) => format!("{what}: {text}"),
                None => format!("{what}: {}", step.operation.verb()),
            },
        );
    }

    /// Formats the progress of an upload. The total is known only for the artifact.
    fn format_upload(plan: &Plan, step: StepId, up: u64) -> String {
        match plan.steps.get(step.0).map(|step| &step.operation) {
            Some(Operation::Artifact(ArtifactOperation::Upload(artifact))) => {
                format!("uploading {} of {}", format_bytes(up), format_bytes(artifact.bytes))
            }
            _ => format!("uploading {}", format_bytes(up)),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
