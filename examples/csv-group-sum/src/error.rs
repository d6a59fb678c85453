//! The errors of a request: each is a variant with one sentence and one status.
//!
//! The sentence is the whole body of the answer, as plain text, and the page shows it as it is.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use group_sum::Text;

use crate::answer::MAX_ANSWER_BYTES;
use crate::budget::{MAX_ITEMS, MAX_SECS};
use crate::caps::{MAX_INVOCATIONS, MAX_USD};
use crate::http::{MAX_BODY_BYTES, MAX_FIELD_BYTES};
use crate::inflate::MAX_INFLATED_BYTES;
use crate::params;
use crate::source::{MAX_SOURCE_BYTES, VARIABLE};

/// An error of a request. `Display` is the sentence that the client gets.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// A key in the query, or a field of the form, that means nothing here.
    #[error("There is no parameter {0}: the parameters are {names}.", names = params::NAMES.join(", "))]
    UnknownParameter(Text),
    /// A parameter whose value can't be read. The sentence repeats it, so that a client sees what arrived.
    #[error("The parameter \"{name}\" must be {expected}, and it is {value}.")]
    MalformedParameter {
        /// One of [`params::NAMES`].
        name: &'static str,
        /// The allowed values, as the end of a sentence.
        expected: &'static str,
        /// Cut where it is long; see [`Text`].
        value: Text,
    },
    /// Two values, even equal ones: which one counts would be a guess.
    #[error("The parameter {0} is given more than once.")]
    RepeatedParameter(Text),
    /// `value_column=a,,b`: a typing mistake, since a column without a name can't be asked for.
    #[error("The parameter \"value_column\" has an empty name in its list {0}.")]
    EmptyValueColumn(Text),
    /// `value_column=a,a`: the answer would have two columns of one name.
    #[error("The parameter \"value_column\" names {0} more than once.")]
    RepeatedValueColumn(Text),
    /// Something wrong with the CSV, or with the columns that were asked for.
    #[error(transparent)]
    Csv(#[from] group_sum::CsvError),
    /// A source where no folder of sources is set.
    #[error(
        "The parameter \"source\" is not available here: the deployer names the folder of allowed sources in {VARIABLE}."
    )]
    SourceOff,
    /// A source outside of that folder.
    #[error("The source {0} may not be read: it is not in the folder that {VARIABLE} names.")]
    SourceForbidden(Text),
    /// S3 answers this only to a role that may list the bucket; otherwise it is [`Self::SourceDenied`].
    #[error("There is no source {0}.")]
    SourceMissing(Text),
    /// S3's answer for objects that the role may not read, and for missing ones where it may not list the bucket.
    #[error("The function's role may not read the source {0}, or it does not exist.")]
    SourceDenied(Text),
    /// Any other failure of S3. AWS's text is in the log only.
    #[error("S3 did not return the source: the app's log has the reason, under reference {0}.")]
    SourceUnreadable(Reference),
    /// S3 did not answer before the request's deadline.
    #[error("S3 did not return the source in time: try again, or send a smaller one.")]
    SourceTooSlow,
    /// The object's size in bytes, which is known before its content is fetched.
    #[error("The source is too large: it has {0} bytes, and the limit is {MAX_SOURCE_BYTES}.")]
    SourceTooLarge(u64),
    /// Two CSVs: which one counts would be a guess.
    #[error("The request has a \"source\" and a body: send one of them.")]
    SourceAndBody,
    /// The map's deadline passed. The estimate before it was too low, or Lambda throttled.
    #[error(
        "The time was over after {done} of {items} items: ask for less of each, or for more invocations at once."
    )]
    TimeOver {
        /// Items with a result when the map stopped.
        done: usize,
        /// Ids times summed columns.
        items: usize,
    },
    /// Estimated seconds of the slowest item: no number of Lambdas makes a single item faster.
    #[error(
        "The work for one of the items would take about {0} s, and a request has {MAX_SECS} s: send fewer values for each id, \
         or ask for less work."
    )]
    ItemTooSlow(u64),
    /// The estimate for all items exceeds the time of a request times the Lambdas at once.
    #[error(
        "The work for all items would take about {secs} s of one Lambda, and a request has {MAX_SECS} s and {at_once} at once: \
         send fewer items, ask for less work for each, or allow more invocations at once."
    )]
    TooMuchWork {
        /// Estimated seconds of all items, on one core each.
        secs: u64,
        /// The concurrency that the request gets; 1 where only this Lambda computes.
        at_once: usize,
    },
    /// More items than [`MAX_ITEMS`], which protects the memory of this Lambda.
    #[error(
        "There are {0} items, one for each id and column, and the limit is {MAX_ITEMS} for a request that has work for them."
    )]
    TooManyItems(usize),
    /// The map stopped before an invocation that could have exceeded the cap.
    #[error(
        "The request was stopped after {done} of {items} items, at ${dollars:.4}: another invocation could have exceeded the \
         limit of ${cap} for each request; ask for less work, or have the deployer raise {MAX_USD}."
    )]
    MoneySpent {
        /// Items with a result when the map stopped.
        done: usize,
        /// Ids times summed columns.
        items: usize,
        /// Estimated dollars, which were spent although there is no answer.
        dollars: f64,
        /// In dollars, from [`MAX_USD`] or its default.
        cap: f64,
    },
    /// The plan leaves a tenth of the invocations for retries, and these were not enough.
    #[error(
        "The request was stopped after {done} of {items} items: its {cap} invocations were used up; ask for larger chunks, or \
         have the deployer raise {MAX_INVOCATIONS}."
    )]
    InvocationsSpent {
        /// Items with a result when the map stopped.
        done: usize,
        /// Ids times summed columns.
        items: usize,
        /// Invocations, retries and hedged attempts included.
        cap: usize,
    },
    /// A single item or result exceeds the payload limit, so smaller chunks would not help.
    #[error("The values of an id are too large for an invocation: send fewer rows for each id.")]
    ItemTooLarge,
    /// Any other failure of the map, such as a missing permission. AWS's text is in the log only.
    #[error("Other Lambdas could not sum the items: the app's log has the reason, under reference {0}.")]
    Map(Reference),
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
    /// A content encoding other than gzip, several encodings included.
    #[error("The body has the content encoding {0}: the app reads gzip, or no encoding.")]
    UnknownEncoding(Text),
    /// The body ends too early, fails its checksum, or was never gzip.
    #[error("The body could not be inflated: it is not valid gzip.")]
    NotGzip,
    /// A small gzip can hold gigabytes, so inflating stops at the limit.
    #[error(
        "The body is too large: inflated, it has more than {MAX_INFLATED_BYTES} bytes, which is the limit."
    )]
    InflatedTooLarge,
    /// A body that is not the `multipart/form-data` of its content type, for example without its boundary.
    #[error("The form could not be read: it is not valid multipart/form-data.")]
    FormUnreadable,
    /// A field of a form that would not fit into a query either.
    #[error(
        "The field {0} of the form is too large: the limit is {MAX_FIELD_BYTES} bytes for each field but \"file\"."
    )]
    FieldTooLarge(Text),
    /// A form without the field that holds the CSV, in a request without a `source`.
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
    /// 413 for anything too large, 402 for a used-up cap, 502 and 504 for AWS, 400 for most others.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Csv(error) if error.is_size() => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyTooLarge
            | Self::FieldTooLarge(_)
            | Self::ItemTooLarge
            | Self::TooManyItems(_)
            | Self::AnswerTooLarge(_)
            | Self::InflatedTooLarge
            | Self::SourceTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnknownEncoding(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::NotFound(_) | Self::SourceMissing(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::SourceOff | Self::SourceForbidden(_) | Self::SourceDenied(_) => StatusCode::FORBIDDEN,
            Self::ItemTooSlow(_) | Self::TooMuchWork { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::MoneySpent { .. } | Self::InvocationsSpent { .. } => StatusCode::PAYMENT_REQUIRED,
            Self::TimeOver { .. } | Self::SourceTooSlow => StatusCode::GATEWAY_TIMEOUT,
            Self::Map(_) | Self::SourceUnreadable(_) => StatusCode::BAD_GATEWAY,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

/// The name under which the log has an error whose text is not for clients. AWS's texts name accounts, roles and buckets.
///
/// The request id would be such a name too, but the router does not see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference(String);

impl Reference {
    /// Logs `text` and returns a new reference to it.
    pub(crate) fn log(text: &impl fmt::Display) -> Self {
        // Each `RandomState` has other keys, and 64 bits are enough for the errors of one log.
        let reference = format!("{:016x}", RandomState::new().hash_one(()));
        tracing::error!(reference, error = %text, "AWS did not do what a request needs");
        Self(reference)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        // A sentence may quote a cell, and a browser must not take that for HTML.
        let headers = [
            (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ];
        (self.status(), headers, format!("{self}\n")).into_response()
    }
}
