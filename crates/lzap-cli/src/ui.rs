//! Everything that a person sees: the printer, the progress line, plans, policies, reports, questions.
//!
//! Views are functions from data to text or JSON; only [`printer`] and [`progress`] write, and only [`ask`]
//! reads. Documents for `--output json` are made in [`report`] and beside the commands whose they are.

pub(crate) mod ask;
pub(crate) mod check_view;
pub(crate) mod deploy_report;
pub(crate) mod error_view;
pub(crate) mod log_view;
pub(crate) mod plan_view;
pub(crate) mod policy_view;
pub(crate) mod printer;
pub(crate) mod progress;
pub(crate) mod report;
pub(crate) mod text;
