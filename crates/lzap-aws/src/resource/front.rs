//! Sends a request to a new front before the old one is deleted.

use lzap_core::resource::front::FrontOperation;
use lzap_core::resource::reference::UrlRef;

use super::step::{Created, StepContext, StepError, too_early};
use crate::touch::{Touch, touch_until_ready};

/// Requests the new front until the app answers with any status below 500, every second and for 20 s at most. The old front
/// still serves meanwhile: a failure keeps it.
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
    let reason = match touch_until_ready(context.clients, url, path, context.progress).await {
        Touch::Answered(_) => return Ok(Created::Nothing),
        Touch::Refused(status) => format!("it refuses requests with {status}"),
        Touch::ServerError(status) => format!("it answered {status}"),
        Touch::Unreachable(reason) => format!("it could not be reached: {reason}"),
    };
    Err(StepError::Front { url: url.to_owned(), reason })
}
