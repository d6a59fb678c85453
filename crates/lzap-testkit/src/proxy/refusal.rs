//! AWS error responses in the format of each service.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Response, StatusCode};
use serde_json::json;

/// An error response of AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// AWS's error code.
    pub code: String,
    /// AWS's message.
    pub message: String,
    /// The whole body, when it isn't the service's usual error body. Some services report a failure with status 200.
    pub body: Option<String>,
}

impl Refusal {
    /// An error with the service's usual body.
    pub fn new(status: u16, code: &str, message: &str) -> Self {
        Self { status, code: code.to_owned(), message: message.to_owned(), body: None }
    }

    /// A failure that is reported with status 200: `body` contains `code`.
    pub fn within_success(code: &str, body: &str) -> Self {
        Self { body: Some(body.to_owned()), ..Self::new(200, code, "") }
    }

    /// The throttling error of `service`.
    ///
    /// AWS: <https://docs.aws.amazon.com/general/latest/gr/api-retries.html>, and the "Errors" of the services.
    pub fn throttled(service: &str) -> Self {
        let (status, code) = match service {
            "s3" => (503, "SlowDown"),
            "iam" | "sts" => (400, "Throttling"),
            "lambda" | "apigateway" => (429, "TooManyRequestsException"),
            _ => (400, "ThrottlingException"),
        };
        Self::new(status, code, "Rate exceeded")
    }

    /// Returns the HTTP response to a call of `service`.
    pub(super) fn build_response(&self, service: &str, method: &Method) -> Response<Full<Bytes>> {
        // A constant request ID, so that messages that contain it are equal in every run.
        const ID: &str = "00000000-0000-4000-8000-0000000fa017";
        let body = self.body.clone().unwrap_or_else(|| self.format_body(service, ID));
        // An answer to HEAD has no body, so clients see only the status.
        let body = if method == Method::HEAD { Bytes::new() } else { Bytes::from(body) };
        let mut response = Response::new(Full::new(body));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let content = match service {
            "s3" | "iam" | "sts" => "text/xml",
            "lambda" | "apigateway" => "application/json",
            _ => "application/x-amz-json-1.1",
        };
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content));
        headers.insert("x-amzn-requestid", HeaderValue::from_static(ID));
        // These services use REST-JSON, which has the error code in this header and not in the body.
        if self.body.is_none()
            && matches!(service, "lambda" | "apigateway")
            && let Ok(code) = HeaderValue::from_str(&self.code)
        {
            headers.insert("x-amzn-errortype", code);
        }
        response
    }

    fn format_body(&self, service: &str, id: &str) -> String {
        let Self { code, message, .. } = self;
        match service {
            "s3" => format!(
                "<Error><Code>{code}</Code><Message>{message}</Message><RequestId>{id}</RequestId></Error>"
            ),
            "iam" | "sts" => format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
                 <RequestId>{id}</RequestId></ErrorResponse>"
            ),
            "lambda" => json!({"Type": "User", "Message": message}).to_string(),
            "apigateway" => json!({"message": message}).to_string(),
            _ => json!({"__type": code, "message": message}).to_string(),
        }
    }
}
