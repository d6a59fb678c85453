//! Sends a request to a new front before the old one is deleted.

use std::time::Duration;

use lzap_core::event::Event;
use lzap_core::resource::front::FrontOperation;
use lzap_core::resource::reference::UrlRef;
use tokio::time::Instant;

use super::step::{Created, StepContext, StepError, too_early};
use crate::retry::scaled;
use crate::touch::{Touch, touch};

/// Maximum time until a new front must respond: it answers with errors for some seconds, until it has propagated.
const PATIENCE: Duration = Duration::from_secs(20);
/// Time between two requests.
const WAIT: Duration = Duration::from_secs(1);

/// Requests the new front until it responds with any status below 500, every second and for 20 s at most. The
/// old front still serves meanwhile: a failure keeps it.
pub(crate) async fn apply_front(
    context: StepContext<'_>,
    operation: &FrontOperation,
) -> Result<Created, StepError> {
    let FrontOperation::Request { url, path } = operation;
    let url = match url {
        UrlRef::Known(url) => url.as_str(),
        UrlRef::Created => {
            let created = context.created.endpoint.as_deref();
            created.ok_or_else(|| too_early("apigateway:CreateApi"))?
        }
    };
    let started = Instant::now();
    loop {
        let reason = match touch(context.clients, url, path).await {
            Touch::Answered(_) => return Ok(Created::Nothing),
            Touch::ServerError(status) => format!("it answered {status}"),
            Touch::Unreachable(reason) => format!("it could not be reached: {reason}"),
        };
        // The limit counts from the first request, and includes the time of the requests themselves.
        let elapsed = started.elapsed();
        context.progress.tell(|step| Event::StepWaiting {
            step,
            reason: "for the new front to answer",
            elapsed,
        });
        // An interrupt ends the wait, and with it the step.
        if elapsed >= scaled(PATIENCE) || !context.progress.wait(scaled(WAIT)).await {
            return Err(StepError::Front { url: url.to_owned(), reason });
        }
    }
}
