//! The errors of a request: each is a variant with one sentence and one status.
//!
//! The sentence is the whole body of the answer, as plain text, and the page shows it as it is.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use group_sum::Text;

use crate::answer::MAX_ANSWER_BYTES;
use crate::http::MAX_BODY_BYTES;
use crate::inflate::MAX_INFLATED_BYTES;
use crate::params;
use crate::source::{MAX_SOURCE_BYTES, VARIABLE};

/// An error of a request. `Display` is the sentence that the client gets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A key in the query, or a field of the form, that means nothing here.
    #[error("There is no parameter {0}: the parameters are {names}.", names = params::NAMES.join(", "))]
    UnknownParameter(Text),
    /// A parameter whose value means nothing.
    #[error("The parameter \"{name}\" must be {expected}, and it is {value}.")]
    MalformedParameter {
        /// Its name.
        name: &'static str,
        /// The values that it may have.
        expected: &'static str,
        /// The value that it has.
        value: Text,
    },
    /// A parameter that is given twice.
    #[error("The parameter {0} is given more than once.")]
    RepeatedParameter(Text),
    /// `value_column=a,,b`.
    #[error("The parameter \"value_column\" has an empty name in its list {0}.")]
    EmptyValueColumn(Text),
    /// `value_column=a,a`.
    #[error("The parameter \"value_column\" names {0} more than once.")]
    RepeatedValueColumn(Text),
    /// Something wrong with the CSV, or with the columns that were asked for.
    #[error(transparent)]
    Csv(#[from] group_sum::Error),
    /// A source where no folder of sources is set.
    #[error(
        "The parameter \"source\" is off here: the environment variable {VARIABLE} would say what may be read."
    )]
    SourceOff,
    /// A source outside of that folder.
    #[error("The source {0} may not be read: it does not lie where {VARIABLE} says.")]
    SourceForbidden(Text),
    /// A source that is not there.
    #[error("There is no source {0}.")]
    SourceMissing(Text),
    /// A source that S3 does not give to this function.
    #[error("The function's role may not read the source {0}, or it does not exist.")]
    SourceDenied(Text),
    /// A source that S3 does not give.
    #[error("The source could not be read: {0}.")]
    SourceUnreadable(String),
    /// A source that would take too much memory.
    #[error("The source is too large: it has {0} bytes, and the limit is {MAX_SOURCE_BYTES}.")]
    SourceTooLarge(u64),
    /// Two CSVs.
    #[error("The request has a \"source\" and a body: one of them is too many.")]
    SourceAndBody,
    /// More work than there is time for.
    #[error(
        "The time was over after {done} of {items} items: ask for less of each, or for more invocations at once."
    )]
    TimeOver {
        /// Items that were done.
        done: usize,
        /// All items.
        items: usize,
    },
    /// More invocations than one map may have, or a series that Lambda can't carry.
    #[error("The items could not be spread like this: {0}.")]
    Unspreadable(String),
    /// Other Lambdas could not do their part.
    #[error("The items could not be summed in other Lambdas: {0}.")]
    Map(String),
    /// More bytes than a Lambda event can carry.
    #[error(
        "The body is too large: the limit is {MAX_BODY_BYTES} bytes, which is what fits into the 6 MB of a Lambda event \
         once it is base64."
    )]
    BodyTooLarge,
    /// More bytes than a Lambda answer can carry.
    #[error(
        "The answer is too large: it takes {0} bytes, and the limit is {MAX_ANSWER_BYTES}, which is what fits into the \
         6 MB that Lambda may return; name fewer columns in \"value_column\"."
    )]
    AnswerTooLarge(usize),
    /// The client went away in the middle, or sent broken framing.
    #[error("The body could not be read to its end.")]
    BodyUnreadable,
    /// A compression other than gzip.
    #[error("The body has the content encoding {0}: the app reads gzip, or no encoding.")]
    UnknownEncoding(Text),
    /// A body that is not what its content encoding says.
    #[error("The body could not be inflated: it is not valid gzip.")]
    NotGzip,
    /// More bytes than there is memory for, once inflated.
    #[error(
        "The body is too large: inflated, it has more than {MAX_INFLATED_BYTES} bytes, which is the limit."
    )]
    InflatedTooLarge,
    /// A `multipart/form-data` body that is none.
    #[error("The form could not be read: it is not valid multipart/form-data.")]
    FormUnreadable,
    /// A form without the field that holds the CSV.
    #[error("The form has no field \"file\": that is where the CSV goes.")]
    FormWithoutFile,
    /// A path that is not `/`.
    #[error("There is nothing at {0}: the page and the sums are both at \"/\".")]
    NotFound(Text),
    /// A method other than those of `/`.
    #[error("The method {0} does nothing here: GET shows the page, PUT and POST take a CSV.")]
    MethodNotAllowed(Text),
}

impl Error {
    /// The status that goes with the sentence.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::BodyTooLarge
            | Self::AnswerTooLarge(_)
            | Self::InflatedTooLarge
            | Self::SourceTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnknownEncoding(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::NotFound(_) | Self::SourceMissing(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::SourceOff | Self::SourceForbidden(_) | Self::SourceDenied(_) => StatusCode::FORBIDDEN,
            Self::TimeOver { .. } => StatusCode::GATEWAY_TIMEOUT,
            Self::Map(_) | Self::SourceUnreadable(_) => StatusCode::BAD_GATEWAY,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let headers = [
            (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ];
        (self.status(), headers, format!("{self}\n")).into_response()
    }
}
